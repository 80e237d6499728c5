"""The forms of the claim that are searched, each with its declared range of fleets.

Forms with a `theorem` admit no counterexample: their search must end empty. The range of the queueing cost is not
searched: whole-number fleets load it beyond its cap. "-2" marks two agents with two actions each.
"""

from __future__ import annotations

from dgpg_verify.equilibria.counterexamples.forms import Form, Range

TWO = Range(agents=(2,), actions=(2,))
ONE = Range(agents=(1,))
SMALL = Range(total=9)
SMALL_TWO_ACTIONS = Range(actions=(2,), total=9)
SMALL_TWO = Range(agents=(2,), actions=(2,), total=10)

T3_GAINED = "T3: with sign agreement a change that pays in J pays in J_alpha as well, for alpha < 1"
T3_LOST = "T3: with sign agreement a change that strictly loses in J cannot gain in -G, so it loses in J_alpha"
T4_THEN = "T4 (alignment at all softmax theta implies sign agreement), then "
EDGE = "two actions: a product of one agent is the product of its two differences, so this is sign agreement; then "
T2_GAINED = "T2: where grad J_alpha = 0 and grad J != 0 the product is -(1 - alpha) / alpha |grad J|^2 < 0"
T2_LOST = "T2: at an interior stationary point with nonsingular Hessian of J, alignment around it forces grad G = 0"


def _both(name: str, claim: str, reading: str, range_: Range, reference: str = "free") -> list[Form]:
    """Both inclusions for strict pure equilibria."""
    return [
        Form(f"{name}-{inclusion}", claim, reading, inclusion, reference=reference, range=range_)
        for inclusion in ("lost", "gained")
    ]


REFUTABLE = (
    *_both("end", "C2.1", "end", Range()),
    *_both("visited", "C2.1", "visited", Range()),
    *_both("visited-2", "C2.1", "visited", TWO),
    *_both("simplex", "C2.1", "simplex", Range()),
    *_both("simplex-2", "C2.1", "simplex", TWO),
    *_both("simplex-own-target-2", "C2.1", "simplex", Range((2,), (2,), costs=("quadratic",)), "target"),
    Form("signs-tied-lost", "C2.1", "signs", "lost", "pure"),
    Form("softmax-tied-lost", "C2.1", "softmax", "lost", "pure", range=Range(actions=(2,))),
    Form("signs-full-lost", "C2.1", "signs", "lost", "full", range=TWO),
    Form("signs-full-gained", "C2.1", "signs", "gained", "full", range=TWO),
    Form("softmax-mixed-gained", "C2.1", "softmax", "gained", "mixed", range=TWO),
    Form("softmax-full-lost", "C2.1", "softmax", "lost", "full", range=SMALL_TWO),
    *_both("fluid-quadratic", "C2.2", "none", Range((2,), (2,), costs=("quadratic",)), "fluid"),
    *_both("fluid-quadratic-simplex", "C2.2", "simplex", Range((2,), (2,), costs=("quadratic",)), "fluid"),
    *_both("fluid-delay", "C2.2", "none", Range((2,), (2,), total=16, costs=("delay",)), "fluid"),
    *_both("fluid-makespan-simplex", "C2.2", "simplex", Range((2,), (2,), costs=("makespan",)), "fluid"),
    Form("unaligned-signs", "T4", "signs", "unaligned", range=ONE),
    Form("equal-unaligned", "C2.1", "none", "equal", range=ONE),
)

PROTECTED = (
    Form("signs-gained", "C2.1", "signs", "gained", "pure", range=SMALL, theorem=T3_GAINED),
    Form("signs-strict-lost", "C2.1", "signs", "lost", "strict", range=SMALL, theorem=T3_LOST),
    Form("each-gained", "C2.1", "simplex_each", "gained", "pure", range=SMALL_TWO_ACTIONS, theorem=EDGE + T3_GAINED),
    Form("each-strict-lost", "C2.1", "simplex_each", "lost", range=SMALL_TWO_ACTIONS, theorem=EDGE + T3_LOST),
    Form("softmax-gained", "C2.1", "softmax", "gained", "pure", range=SMALL_TWO_ACTIONS, theorem=T4_THEN + T3_GAINED),
    Form("softmax-strict-lost", "C2.1", "softmax", "lost", range=SMALL_TWO_ACTIONS, theorem=T4_THEN + T3_LOST),
    Form("softmax-full-gained", "C2.1", "softmax", "gained", "full", range=SMALL_TWO, theorem=T2_GAINED),
    Form("softmax-regular-lost", "C2.1", "softmax", "lost", "regular", range=SMALL_TWO, theorem=T2_LOST),
)

FORMS = {form.name: form for form in (*REFUTABLE, *PROTECTED)}
