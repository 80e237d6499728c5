"""The command `dgpg-verify`: one module for each group of sub-commands."""
