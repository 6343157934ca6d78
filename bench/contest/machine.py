"""The machine of the measurements: processor, instruction sets, memory, versions."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

FLAGS_THAT_MATTER = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm", "sve")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
PACKAGES = ("torch", "transformers", "onnxruntime", "openvino", "nncf", "onnx", "numpy", "pillow")


def cpu_fields():
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def family_name(fields):
    """Some hypervisors hide the name: then vendor, family and model, which identify it too."""
    name = fields.get("model name", platform.machine())
    return f"{name} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def flags():
    fields = cpu_fields()
    return set((fields.get("flags") or fields.get("Features") or "").split())


def has_bfloat16():
    return bool(flags() & BFLOAT16_FLAGS)


def available_mib():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    return 0


def cores():
    return len(os.sched_getaffinity(0))


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


def describe():
    fields = cpu_fields()
    return {
        "processor": family_name(fields),
        "instruction_sets": [flag for flag in FLAGS_THAT_MATTER if flag in flags()],
        "cores": cores(),
        "load_before": os.getloadavg()[0],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": first_line("sh", "-c", '. /etc/os-release; echo "$PRETTY_NAME"'),
        "kernel": platform.release(),
    }


def versions(root):
    found = {"sightline": first_line("git", "-C", str(root), "describe", "--always", "--dirty")}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
