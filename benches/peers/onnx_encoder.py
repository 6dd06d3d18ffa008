"""ONNX Runtime f32 on a graph that torch.onnx exports once from the same checkpoint. MODEL TEXTS THREADS GRAPH"""

import pathlib
import sys

import onnxruntime

import protocol
from encoding import Texts


def export(folder: pathlib.Path, graph: pathlib.Path) -> None:
    """Writes the checkpoint with its pooling as a graph for any number of texts and tokens."""
    import torch

    from torch_encoder import Sentences

    ids = torch.ones(3, 9, dtype=torch.int64)
    # An example without padding would leave the mask out of the graph.
    mask = ids.clone()
    mask[1, 5:] = 0
    axes = {0: "texts", 1: "tokens"}
    partial = graph.with_suffix(".partial")
    # The tracing exporter: ONNX Runtime runs its graph a tenth faster than the newer one's.
    torch.onnx.export(
        Sentences(folder).eval(),
        (ids, mask),
        str(partial),
        input_names=["ids", "mask"],
        output_names=["embeddings"],
        dynamic_axes={"ids": axes, "mask": axes},
        dynamo=False,
    )
    partial.rename(graph)


def main() -> None:
    folder, texts, threads, graph = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
    if not graph.exists():
        export(folder, graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def forward(ids, mask):
        return session.run(None, {"ids": ids, "mask": mask})[0]

    protocol.serve(protocol.encoder_requests(Texts(folder, texts), forward))


if __name__ == "__main__":
    main()
