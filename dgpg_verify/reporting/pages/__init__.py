"""The pages of a run: one that answers the question, and one for each family of claims."""

from dgpg_verify.reporting.pages.families import FAMILIES, INDEX, anchor, family_of
from dgpg_verify.reporting.pages.render import Drawn, RunFiles, render_pages
