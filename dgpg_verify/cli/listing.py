"""The command `list`: every name that the other commands understand, with a line of explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dgpg_verify.cli.options import AsJson, print_answer, text_table

SYSTEMS = {
    "load_balancing": "one shot: N agents place a job each on one of K servers",
    "linear_quadratic": "one shot, continuous actions, quadratic cost: all moments have closed forms",
    "cloud": "T steps: N dispatchers send jobs to queues of servers, the task of the paper",
    "road_network": "one shot: N platoons choose paths; --option network=path/to/NAME_net.tntp, or as below",
    "road_network:grid": "a town that grows with N (default)",
    "road_network:braess": "Braess's network, one unit of demand",
    "road_network:pigou": "Pigou's two links, one unit of demand",
    "road_network:sioux_falls": "Sioux Falls, 24 nodes, from the folder that DGPG_TRACES names",
    "road_network:anaheim": "Anaheim, 416 nodes, likewise",
    "rate_control": "one shot: N flows choose rates over links that they share",
    "power_dispatch": "one shot: N generators choose outputs that meet a demand; --option case=FILE, lines=True",
    "power_dispatch:continuous": "the same with any output: Gaussian actions, exact moments",
    "inventory": "T steps: N retailers order stock; --option warehouse=0.9 for a shared warehouse at that load",
}
POLICIES = {
    "uniform": "every allowed candidate equally likely (tabular logits at 0)",
    "tabular": "a logit for each candidate",
    "linear": "a score linear in the candidate's features, weights at 0",
    "mlp": "two hidden layers score each candidate, random weights",
    "gaussian": "continuous actions around a mean of 0",
    "heuristic:NAME:TEMPERATURE": "softmax of a heuristic's preferences",
    "NETWORK@NAME:TEMPERATURE": "a network on top of a heuristic",
}
JOINT_RULES = {
    "shortest_path": "each platoon's fastest path at free flow",
    "user_equilibrium": "no platoon would be faster on another path (found by iterated best response)",
    "merit_order": "the cheapest generators' levels first, until the demand is met",
    "equal_share": "the level nearest to an equal share of the tightest link",
    "proportional_fairness": "the level nearest to the rate of Kelly's system problem",
    "iterated_best_response": "agents in turn take the action that raises the shared reward most, until none can",
}
VALUES = {
    "vdn": "a sum of one utility for each agent",
    "qmix": "a monotone mixture of such utilities",
    "qtran": "a joint network, to which such a sum is tied",
    "qplex": "the best of such utilities, less how far each agent is from its own",
    "coma": "a network of the state and all others' actions",
    "mean_field": "a network of the own action and the mean of the others'",
    "regressed": "a separable quadratic of the state after acting",
}
CREDITS = {
    "return": "discounted return of the episode, shared by all, minus its mean",
    "return:raw": "the same without the mean taken off",
    "return:to_go": "return from the step on, minus its mean",
    "gae:central": "generalised advantage with a critic of the state",
    "gae:local": "generalised advantage with a critic of the agent's observation",
    "guidance": "DG-PG's guidance by the chain rule: minus z (x - reference)",
    "guidance:exact": "change of the distance to the reference by the agent's action",
    "guidance:observed": "the chain rule at the state before acting",
    "guidance:multi_step": "the chain rule over the steps for which a job stays",
    "guidance:derivative": "the derivative of the distance, for continuous actions",
    "guidance:demand": "the chain rule in the units of the agents' demands",
    "expected_guidance": "the guidance's mean over the agent's own action: only the others' noise is left",
    "expected_guidance:exact": "the same of the exact form",
    "pathwise": "gradient of the distance through the fluid model: no noise in one-shot systems, biased",
    "guided:ALPHA[@BASE][+GUIDANCE]": "(1 - ALPHA) of a base credit plus ALPHA of the guidance",
    "difference": "difference reward: reward minus that without the agent's action",
    "difference:replay": "return minus that of the episode without the agent's action",
    "difference:learned": "the same difference in a model of the return fitted on the pilot",
    "counterfactual@exact": "COMA's: return minus its mean over the agent's own action, the alternatives played",
    "optimal_baseline@exact": "the same with the baseline of least variance",
    "expected_counterfactual@exact": "the mean of either over the agent's own action",
    **{f"counterfactual@{value}": f"fitted on the pilot, as the two others: {what}" for value, what in VALUES.items()},
    "residual_return[:ALPHA]": "return minus an analytical model, plus the model's difference reward; ALPHA 0 unbiased",
    "expected_residual[:ALPHA]": "the same with the mean of the model's part over the agent's own action",
    "local:HOPS": "rewards of what is within HOPS hops of the agent, where the reward splits",
    "shaped": "return of rewards shaped by minus the distance",
    "branch": "return minus that of the episode with an independent draw of the agent's action",
    "normalised@BASE": "a base divided by its standard deviation",
    "baseline@BASE": "a base minus a fitted baseline",
    "score": "1: the bare score, whose mean is 0",
}


def list_names(as_json: AsJson = False) -> None:
    """List systems, policies, credits, methods, heuristics, references and claims."""
    print_answer(known_names(), _text, as_json)


def known_names() -> dict[str, dict[str, str]]:
    """Section -> name -> explanation, "" where there is none. Heuristics and references are those of each system."""
    from dgpg_verify.claims.claim import all_claims
    from dgpg_verify.systems import (
        PowerDispatch,
        RateControl,
        RoadNetwork,
        cloud,
        inventory,
        load_balancing,
        references,
        resource_game,
    )
    from dgpg_verify.systems.cloud import reference
    from dgpg_verify.systems.power import power_dispatch
    from dgpg_verify.systems.roads import road_network
    from dgpg_verify.training.methods import make_method, method_names

    heuristics = {"load_balancing": load_balancing.HEURISTICS, "cloud": cloud.CloudScheduling.heuristic_names,
                  "inventory": inventory.HEURISTICS, "other resource games": resource_game.HEURISTICS}  # fmt: skip
    joint = {system.kind: system.joint_rules for system in (RoadNetwork, PowerDispatch, RateControl)}
    targets = {"load_balancing": references.VARIANTS, "road_network": road_network.REFERENCES,
               "power_dispatch": power_dispatch.REFERENCES, "inventory": inventory.REFERENCES,
               "cloud": reference.VARIANTS}  # fmt: skip
    return {
        "systems": SYSTEMS | {"module:Object or path/to/file.py:Object": "your own, as in examples/own_system.py"},
        "policies": POLICIES,
        "credits": CREDITS | {"module:Object or path/to/file.py:Object": "your own, as in examples/own_credit.py"},
        "methods": {name: _method(make_method(name)) for name in method_names()},
        "heuristics": {name: f"of {systems}" for name, systems in _users(heuristics).items()},
        "joint rules (played beside the heuristics)": {
            name: f"{JOINT_RULES[name]}; of {systems}" for name, systems in _users(joint).items()
        },
        "references (--option reference=NAME)": {name: f"of {users}" for name, users in _users(targets).items()},
        "claims": {claim.id: claim.title for claim in all_claims()},
    }


def _method(method: Any) -> str:
    if method.update == "value":
        how = "given the others' mean action" if method.mixer == "mean_field" else f"mixer {method.mixer}"
        return f"action values, {how}, learned off-policy"
    parts = " + ".join(part for part in (method.base, method.guidance) if part)
    alpha = f", alpha {method.alpha}" if method.mixes else ""
    start = "" if method.start == "plain" else f", start {method.start}"
    return f"credit {parts}{alpha}, update {method.update}{start}"


def _users(names: Mapping[str, Any]) -> dict[str, str]:
    """Name -> the systems that know it."""
    known: dict[str, list[str]] = {}
    for system, values in names.items():
        for value in values:
            known.setdefault(value, []).append(system)
    return {name: " and ".join(systems) for name, systems in known.items()}


def _text(sections: dict[str, dict[str, str]]) -> str:
    return "\n\n".join(text_table((title, ""), list(names.items())) for title, names in sections.items())
