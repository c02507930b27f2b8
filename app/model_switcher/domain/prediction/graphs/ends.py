"""What stands before the first block and behind the last one: src/llama-graph.cpp of llama.cpp b11434."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import (
    F32,
    I32,
    Node,
    given,
    mul_mat,
    norm,
    part,
    plus,
    result,
    rows,
    stored,
)

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graphs.builder import Builder

# `enum llama_pooling_type` in include/llama.h
_POOLING_MEAN = 1


def embeddings(build: Builder) -> Node:
    """`build_inp_embd`: looked up in main memory, or given as they are; both have their place."""
    tokens = given((build.size.tokens,), I32)
    current = rows(build.needed("token_embd.weight"), tokens)
    width = build.model.embedding * (1 + build.model.number("n_deepstack_layers"))
    if width > build.model.embedding:
        current = result("pad", (width, build.size.tokens), current)
        build.input_rows = current
    build.graph.expand(current)
    build.graph.expand(given((width, build.size.tokens)))
    return current if build.input_rows is None else picture_rows(build, current)


def picture_rows(build: Builder, rows_of_all: Node) -> Node:
    """The part of the input that is for one block."""
    return part(rows_of_all, (build.model.embedding, build.size.tokens))


def answered_for(build: Builder, *nodes: Node) -> tuple[Node, ...]:
    """The rows of the tokens that are answered for; all later work is done for those alone."""
    indices = build.given("outputs", (build.size.outputs,))
    return tuple(rows(node, indices) for node in nodes)


def logits(build: Builder, source: Node) -> None:
    """The last norm and the output layer; of an encoder, what it has instead."""
    if not build.model.architecture.generates:
        vectors(build, source)
        return
    name = "output_norm" if build.outer("output_norm.weight") is not None else "token_embd_norm"
    current = _normed(build, source, name)
    current.is_output = True
    matrix = build.outer("output.weight")
    if matrix is None:
        table = build.needed("token_embd.weight")
        matrix = stored(table.shape, table.size, build.places.output, weight=True)
    current = plus(mul_mat(matrix, current), build.outer("output.bias"))
    current.is_output = True
    build.graph.expand(current)


def vectors(build: Builder, source: Node, *, normed: bool = False) -> None:
    """The last norm of an encoder, and one vector of each text.

    Args:
        build: The graph in the making.
        source: What the last block made.
        normed: Whether that has its norm already.
    """
    names = ("output_norm", "enc.output_norm")
    name = next((name for name in names if build.outer(f"{name}.weight") is not None), None)
    if not normed and name is not None:
        source = _normed(build, source, name)
    source.is_output = True
    build.graph.expand(source)
    if build.load.embedding and build.model.number("pooling_type") == _POOLING_MEAN:
        width, tokens = source.shape
        turned = result("cont", (tokens, width), part(source, (tokens, width)))
        mean = build.given("mean", (tokens, build.size.slots), F32)
        pooled = result("mul_mat", (width, build.size.slots), turned, mean)
        pooled.is_output = True
        build.graph.expand(pooled)


def _normed(build: Builder, source: Node, name: str) -> Node:
    scale, bias = build.outer(f"{name}.weight"), build.outer(f"{name}.bias")
    return norm(source, scale, bias, rms=build.model.architecture.rms)
