#!/usr/bin/env python3
"""Makes one of a model's exported forms, unless it exists already.

    exports.py FOLDER onnx            FOLDER/exports/{images,texts}.onnx, from PyTorch; batches of any size
    exports.py FOLDER onnx-int8       the same with ONNX Runtime's dynamic quantization, a scale per channel
    exports.py FOLDER openvino-int8   FOLDER/exports/{images,texts}.int8.xml, quantized by NNCF as a transformer, calibrated
                                      on the inputs of the comparison
"""

import pathlib
import sys
import warnings

from models import Inputs

warnings.filterwarnings("ignore")
OPSET = 17


def finished(files, make):
    """Writes the `files` under temporary names first, so that a partial file never has the final name."""
    for target in files:
        part = target.with_name("part." + target.name)
        make(target, part)
        for made in sorted(part.parent.glob("part." + target.stem + "*"), key=lambda file: file == part):
            made.rename(made.with_name(made.name.removeprefix("part.")))


def export_onnx(folder, targets):
    import torch
    import towers

    inputs = Inputs(folder)
    images, texts = towers.load(folder)
    examples = {"images": (images, torch.from_numpy(inputs.pixels[:2])), "texts": (texts, torch.from_numpy(inputs.ids[:2]))}

    def make(file, part):
        tower, example = examples[file.stem]
        torch.onnx.export(tower, (example,), str(part), input_names=["x"], output_names=["y"], opset_version=OPSET, dynamo=False,
                          dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})  # fmt: skip

    finished(targets, make)


def quantize_onnx(folder, targets):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def make(file, part):
        quantize_dynamic(str(file.with_name(file.name.replace(".int8", ""))), str(part), weight_type=QuantType.QInt8,
                         op_types_to_quantize=["MatMul", "Gemm"], per_channel=True)  # fmt: skip

    finished(targets, make)


def quantize_openvino(folder, targets):
    import nncf
    import openvino

    inputs = Inputs(folder)
    samples = {"images": inputs.pixels, "texts": inputs.ids}

    def make(file, part):
        kind = file.name.removesuffix(".int8.xml")
        rows = samples[kind]
        data = nncf.Dataset([rows[at : at + 1] for at in range(len(rows))])
        model = openvino.Core().read_model(file.with_name(f"{kind}.onnx"))
        quantized = nncf.quantize(model, data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows))
        openvino.save_model(quantized, part, compress_to_fp16=False)

    finished(targets, make)


KINDS = {
    "onnx": (".onnx", export_onnx),
    "onnx-int8": (".int8.onnx", quantize_onnx),
    "openvino-int8": (".int8.xml", quantize_openvino),
}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in KINDS:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    suffix, make_all = KINDS[sys.argv[2]]
    (folder / "exports").mkdir(exist_ok=True)
    if absent := [file for kind in ("images", "texts") if not (file := folder / "exports" / (kind + suffix)).exists()]:
        make_all(folder, absent)
