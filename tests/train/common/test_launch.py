"""Claims about launchers: what they start is what their files say, and what cannot be is told."""

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

from robust_r1.errors import InputError
from tests.support.paths import ROOT
from tests.support.training import small
from train.common.course import begin_course
from train.common.going_on import go_on, recipe_of
from train.common.launch import check_devices, check_spreading, is_spread, spread_by

FILES = sorted((ROOT / "train" / "accelerate").glob("*.yaml"))
SPREADING = {"zero3": "DeepSpeed", "fsdp2": "FSDP", "two-nodes": "FSDP", "cpu-fsdp2": "FSDP"}


def launched_by(file):
    """Return what accelerate makes of a file: its launcher's arguments, and each rank's variables.

    No process is started, and DeepSpeed need not be installed.
    """
    words = ["--config_file", str(file), "--main_process_port", "0", "-m", "train.sft"]
    arguments, config, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    if arguments.use_deepspeed:
        arguments.deepspeed_fields_from_accelerate_config = ",".join(config.deepspeed_config)
        return arguments, prepare_deepspeed_cmd_env(arguments)[1]
    return arguments, prepare_multi_gpu_env(arguments)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_accelerate_knows_every_key_of_a_file_and_spreads_as_it_says(file, monkeypatch):
    config = load_config_from_file(str(file))  # refuses unknown keys of the first level
    known = vars(launch_command_parser().parse_args(["x.py"]))
    inner = {**config.fsdp_config, **config.deepspeed_config}
    assert set(inner) <= set(known)
    arguments, variables = launched_by(file)
    for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"):
        monkeypatch.setenv(name, variables.get(name, "false"))
    assert spread_by() == SPREADING.get(file.stem, "")
    if spread_by() == "FSDP":
        assert variables["FSDP_VERSION"] == "2"
        assert variables["FSDP_RESHARD_AFTER_FORWARD"] == "true"
        # TRL's reference does not receive what the first process has read.
        assert variables["FSDP_CPU_RAM_EFFICIENT_LOADING"] == "false"
    if spread_by() == "DeepSpeed":
        assert variables["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "3"
        assert variables["ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL"] == "true"
        assert variables["ACCELERATE_DEEPSPEED_ZERO3_INIT"] == "true"
        assert variables["ACCELERATE_MIXED_PRECISION"] == "bf16"
    if file.stem.startswith("cpu"):
        assert variables["CUDA_VISIBLE_DEVICES"].startswith("-1")


@pytest.mark.parametrize(
    ("name", "processes", "machines"),
    [("one", 1, 1), ("zero3", 8, 1), ("fsdp2", 8, 1), ("two-nodes", 16, 2)],
)
def test_a_recipes_step_can_be_shared_by_as_many_as_a_file_starts(name, processes, machines):
    arguments, _ = launched_by(ROOT / "train" / "accelerate" / f"{name}.yaml")
    assert (arguments.num_processes, arguments.num_machines) == (processes, machines)
    for stage in (small("sft.global_batch=16").sft, small("grpo.global_batch=16").grpo):
        batch, passes = stage.share(processes)
        assert batch * passes * processes == 16


@pytest.mark.parametrize(
    ("processes", "gpus", "hidden", "said"),
    [
        (8, 4, None, "8 processes were started on this machine, .* 4 GPUs; add --num_processes 4"),
        (8, 0, None, "it has 0 GPUs; take train/accelerate/cpu.yaml"),
        (2, 1, "0", "2 processes"),
        (8, 8, None, None),
        (1, 0, None, None),
        (2, 0, "-1,-1", None),
        (2, 0, "", None),
    ],
)
def test_fewer_gpus_than_processes_are_refused_unless_none_is_wanted(
    processes, gpus, hidden, said, monkeypatch
):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    if said is None:
        check_devices()
        return
    with pytest.raises(InputError, match=said):
        check_devices()


@pytest.mark.parametrize("by", ["FSDP", "DEEPSPEED"])
def test_weights_of_4_bits_are_not_spread(by, monkeypatch):
    check_spreading(quantized=True)
    monkeypatch.setenv(f"ACCELERATE_USE_{by}", "true")
    check_spreading(quantized=False)
    assert is_spread()
    with pytest.raises(InputError, match=r"lora\.quantized=false, or launch with .*gpus\.yaml"):
        check_spreading(quantized=True)


@pytest.mark.parametrize(
    ("left", "by", "said"),
    [
        ("pytorch_model_fsdp_0/x", None, "spread by FSDP, and they cannot go on whole on each GPU"),
        ("latest", None, "spread by DeepSpeed, .* whole"),
        ("latest", "FSDP", "spread by DeepSpeed, .* spread by FSDP"),
        ("model.safetensors", "DEEPSPEED", "whole on each GPU, .* spread by DeepSpeed"),
        ("model.safetensors", None, None),
        ("pytorch_model_fsdp_0/x", "FSDP", None),
    ],
)
def test_a_run_goes_on_with_its_weights_as_they_lay(left, by, said, tmp_path, monkeypatch):
    checkpoint = tmp_path / "checkpoint-1"
    (checkpoint / left).parent.mkdir(parents=True)
    (checkpoint / left).touch()
    (checkpoint / "trainer_state.json").touch()
    if by:
        monkeypatch.setenv(f"ACCELERATE_USE_{by}", "true")
    course, recipe = begin_course(8, 1, 2, "samples"), recipe_of("sft", small(), [])
    if said is None:
        assert go_on(course, recipe, tmp_path).step == 1
        return
    with pytest.raises(InputError, match=said):
        go_on(course, recipe, tmp_path)
