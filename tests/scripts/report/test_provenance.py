from scripts.report.load import load_matrix
from scripts.report.provenance import ONLY_WHERE_KNOWN, facts


def facts_of(results, *specs):
    return {fact.name: fact.values for fact in facts(load_matrix(results.matrix(specs)).runs)}


def test_a_gpu_s_driver_runtime_and_power_limit_are_facts(results, spec):
    details = {"driver": "580.82.07", "runtime_version": "13.0", "power_limit_w": 700.0}
    on_gpu = spec(provenance={"hardware.details": details})
    found = facts_of(results, on_gpu, spec("adamwprune"))
    assert found["driver"][0][0] == "580.82.07"
    assert found["power limit"][0][0] == "700.0 W"
    assert found["CUDA or ROCm"][1][0] == "not recorded"


def test_on_processors_nothing_of_a_gpu_is_missing(results, spec):
    assert not {*ONLY_WHERE_KNOWN} & {*facts_of(results, spec())}
