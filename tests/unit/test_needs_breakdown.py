"""The lines are those of llama-server b10434, on a simulated card and without one."""

from __future__ import annotations

import pytest

from model_switcher.domain.need import Amount
from model_switcher.domain.units import MIB
from model_switcher.engine.needs.breakdown import Account, Loaded, Table, loaded

TABLE = """\
0.00.124.976 I srv    load_model: [mtmd] estimated worst-case memory usage of mmproj is 961.75 MiB (took 40.31 ms)
0.00.125.038 I common_params_fit_impl: getting device memory data for initial parameters:
0.00.569.692 I common_memory_breakdown_print: | memory breakdown [MiB]     | total    free    self   model   context   compute    unaccounted |
0.00.569.724 I common_memory_breakdown_print: |   - Vulkan0 (Fake RTX 16G) | 16384 = 16384 + (9553 =  6956 +    2464 +     133) +       -9553 |
0.00.569.725 I common_memory_breakdown_print: |   - Host                   |                   823 =   787 +       0 +      35                |
0.00.622.102 I common_params_fit_impl: projected to use 9553 MiB of device memory vs. 16384 MiB of free device memory
0.01.286.927 I common_memory_breakdown_print: | memory breakdown [MiB]     | total    free    self   model   context   compute    unaccounted |
0.01.286.941 I common_memory_breakdown_print: |   - Vulkan0 (Fake RTX 16G) | 16384 = 16384 + (7553 =  6956 +     464 +     133) +       -7553 |
""".splitlines()
WITHOUT_GPU = """\
0.00.007.735 I common_memory_breakdown_print: | memory breakdown [MiB] | total   free    self   model   context   compute    unaccounted |
0.00.007.735 I common_memory_breakdown_print: |   - Host               |                    7 =     0 +       2 +       5                |
0.00.007.735 I common_memory_breakdown_print: |   - CPU_REPACK         |                   11 =    11 +       0 +       0                |
0.00.007.848 I common_params_fit_impl: projected to use 7 MiB of host memory vs. 24105 MiB of total host memory
""".splitlines()
TWO_GPUS = """\
llama_memory_breakdown_print: | memory breakdown [MiB] | total   free     self   model   context   compute    unaccounted |
llama_memory_breakdown_print: |   - CUDA0 (RTX 4090)   | 24077 =  945 + (19187 = 17904 +     384 +     898) +        3945 |
llama_memory_breakdown_print: |   - CUDA1 (RTX | odd)  | 24077 =  945 + ( 1003 =  1000 +       2 +       1) +        3945 |
llama_memory_breakdown_print: |   - Host               |                 58271 = 58259 +       0 +      12                |

""".splitlines()
LOAD = """\
0.00.020.188 I common_params_fit_impl: getting device memory data for initial parameters:
0.00.028.472 I load_tensors:      Vulkan0 model buffer size =     0.00 MiB
0.00.030.157 I sched_reserve:    Vulkan0 compute buffer size =    95.01 MiB
0.00.030.660 I common_fit_params: fitting params to free memory took 0.01 seconds
0.00.031.487 I load_tensors: offloaded 3/3 layers to GPU
0.00.031.489 I load_tensors:   CPU_Mapped model buffer size =     0.50 MiB
0.00.031.489 I load_tensors:   CPU_REPACK model buffer size =     0.25 MiB
0.00.031.489 I load_tensors:      Vulkan0 model buffer size =    12.00 MiB
0.00.031.755 I llama_context: Vulkan_Host  output buffer size =     1.00 MiB
0.00.031.806 I llama_kv_cache:    Vulkan0 KV buffer size =     2.00 MiB
0.00.031.806 I llama_kv_cache:    Vulkan0 KV buffer size =     3.00 MiB
0.00.031.806 I llama_memory_recurrent:    Vulkan0 RS buffer size =     4.00 MiB
0.00.034.591 I sched_reserve:    Vulkan0 compute buffer size =     5.01 MiB
0.00.034.601 I sched_reserve: Vulkan_Host compute buffer size =     4.25 MiB
0.00.239.704 I srv    load_model: initializing, n_slots = 4, n_ctx_slot = 4096, kv_unified = 'true'
""".splitlines()


def table(lines: list[str]) -> tuple[Table, int]:
    """The table, and after how many lines it was whole."""
    found = Table()
    for number, line in enumerate(lines, start=1):
        if found.hear(line):
            return found, number
    return found, 0


def amount(weights: float, cache: float = 0, compute: float = 0) -> Amount:
    return Amount(weights=int(weights * MIB), cache=int(cache * MIB), compute=round(compute * MIB))


@pytest.mark.parametrize(
    ("lines", "whole_at", "device", "host"),
    [
        pytest.param(TABLE, 6, amount(6956, 2464, 133), amount(787, 0, 35), id="a GPU"),
        pytest.param(WITHOUT_GPU, 4, amount(0), amount(11, 2, 5), id="no GPU"),
        pytest.param(TWO_GPUS, 5, amount(18904, 386, 899), amount(58259, 0, 12), id="two GPUs"),
    ],
)
def test_the_first_table_is_read(lines: list[str], whole_at: int, device: Amount, host: Amount) -> None:
    found, number = table(lines)
    assert number == whole_at
    assert found.account == Account(device=device, host=host)


def test_a_table_that_breaks_off_says_nothing() -> None:
    found, number = table(TABLE[:4])
    assert (found.account, number) == (None, 0)


def test_the_projector_is_told_apart() -> None:
    assert table(TABLE)[0].projector == round(961.75 * MIB)
    assert table(WITHOUT_GPU)[0].projector == 0


def test_the_buffers_of_a_load_are_added_up_without_those_that_were_only_tried() -> None:
    assert loaded(LOAD) == Loaded(
        ctx_size=4096,
        layers=3,
        all_layers=True,
        account=Account(device=amount(12, 9, 5.01), host=amount(0.75, 0, 5.25)),
    )


def test_the_usual_log_tells_only_the_context() -> None:
    assert loaded(LOAD[-1:]) == Loaded(ctx_size=4096, layers=None, all_layers=False, account=None)
    divided = LOAD[-1].replace("'true'", "'false'")
    assert loaded([divided]).ctx_size == 4 * 4096
    assert loaded([]) == Loaded(ctx_size=None, layers=None, all_layers=False, account=None)


def test_layers_that_stayed_in_main_memory_are_seen() -> None:
    found = loaded(["load_tensors: offloaded 20/33 layers to GPU"])
    assert (found.layers, found.all_layers) == (20, False)
