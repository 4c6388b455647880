"""The policy's network in torch, for training alone; :mod:`.policy` answers with the same weights in numpy.

Message passing over the task's graph: a message depends on the sender and on the edge's relations, is gated, and a
node takes the mean and the maximum of what it gets. The layers are written with ``index_add`` so that nothing beyond
torch is needed.

Beside the messages, the mean and the maximum of all facts of nodes and edges are read at once: what is true somewhere
in a task tells most calls.

Differs from AutoPandas (Bavishi et al., OOPSLA 2019): nodes are columns, index levels, labels and tables instead of
cells, the relations of their cells are given on the edges, and one network has all heads instead of one network an
argument.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mlsys4sys.autopandas.examples import CALLS, ROLES
from mlsys4sys.autopandas.features import EDGE, NODE

WIDTH, EDGE_WIDTH, LAYERS, TOKEN = 96, 48, 3, 48
START = STOP = len(CALLS)


@dataclass(frozen=True, slots=True)
class Batch:
    """Graphs side by side."""

    nodes: Tensor
    """Shape (nodes, len(NODE)), 0 to 1."""
    edges: Tensor
    """Shape (edges, len(EDGE)), 0 to 1."""
    sources: Tensor
    targets: Tensor
    graph: Tensor
    """Shape (nodes,): which graph a node is of."""
    heads: Tensor
    """Shape (graphs, 2): the node of the first input and of the output."""
    graphs: int


class Network(nn.Module):
    """Encoder and heads. Initial weights depend on ``seed`` alone."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        self.node = nn.Linear(len(NODE), WIDTH)
        self.edge = nn.Linear(len(EDGE), EDGE_WIDTH)
        self.send = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.relate = nn.ModuleList(nn.Linear(EDGE_WIDTH, WIDTH, bias=False) for _ in range(LAYERS))
        self.gate = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(LAYERS))
        self.take = nn.ModuleList(nn.Linear(3 * WIDTH, WIDTH) for _ in range(LAYERS))
        self.norm = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS))
        self.wide = nn.Linear(2 * (len(NODE) + len(EDGE)), WIDTH)
        self.read = nn.Linear(5 * WIDTH, 2 * WIDTH)
        self.calls = nn.Linear(2 * WIDTH, len(CALLS))
        self.roles = nn.Linear(WIDTH, len(ROLES))
        self.token = nn.Embedding(len(CALLS) + 1, TOKEN)
        self.begin = nn.Linear(2 * WIDTH, WIDTH)
        self.step = nn.GRUCell(TOKEN + 2 * WIDTH, WIDTH)
        self.next = nn.Linear(WIDTH, len(CALLS) + 1)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim == 2:
                    weight.uniform_(-1, 1, generator=chance).mul_((3.0 / weight.shape[1]) ** 0.5)
                elif "norm" not in name:
                    weight.zero_()

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Node states, shape (nodes, WIDTH), and graph states, shape (graphs, 2 * WIDTH)."""
        h = torch.relu(self.node(batch.nodes))
        e = torch.relu(self.edge(batch.edges))
        count = torch.zeros(len(h)).index_add(0, batch.targets, torch.ones(len(batch.targets))).clamp(min=1)[:, None]
        spread = batch.targets[:, None].expand(-1, WIDTH)
        for send, relate, gate, take, norm in zip(self.send, self.relate, self.gate, self.take, self.norm, strict=True):
            message = torch.relu(send(h)[batch.sources] + relate(e))
            message = message * torch.sigmoid(gate(message))
            mean = torch.zeros_like(h).index_add(0, batch.targets, message) / count
            most = torch.zeros_like(h).scatter_reduce(0, spread, message, "amax")
            h = norm(h + torch.relu(take(torch.cat([h, mean, most], 1))))
        mean, most = _pooled(h, batch.graph, batch.graphs)
        facts = [
            *_pooled(batch.nodes, batch.graph, batch.graphs),
            *_pooled(batch.edges, batch.graph[batch.targets], batch.graphs),
        ]
        wide = torch.relu(self.wide(torch.cat(facts, 1)))
        both = h[batch.heads]
        return h, torch.relu(self.read(torch.cat([both[:, 0], both[:, 1], mean, most, wide], 1)))

    def forward(self, batch: Batch, calls: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the set of calls, of the nodes' roles and of each next call.

        Shapes (graphs, calls), (nodes, roles) and (graphs, steps + 1, calls + 1).

        Args:
            batch: The graphs.
            calls: The right sequences, shape (graphs, steps), -1 behind the end.
        """
        nodes, z = self.encode(batch)
        state = torch.tanh(self.begin(z))
        before = torch.full((len(z),), START)
        out = []
        for k in range(calls.shape[1] + 1):
            state = self.step(torch.cat([self.token(before), z], 1), state)
            out.append(self.next(state))
            if k < calls.shape[1]:
                before = torch.where(calls[:, k] >= 0, calls[:, k], START)
        return self.calls(z), self.roles(nodes), torch.stack(out, 1)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Name → weights, for a checkpoint."""
        return {name: weight.detach().numpy().astype(np.float32) for name, weight in self.state_dict().items()}


def _pooled(x: Tensor, owner: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean and maximum of the rows of each graph."""
    sizes = torch.zeros(count).index_add(0, owner, torch.ones(len(x)))[:, None]
    mean = torch.zeros(count, x.shape[1]).index_add(0, owner, x) / sizes
    low = torch.full((count, x.shape[1]), -1e9)
    return mean, low.scatter_reduce(0, owner[:, None].expand(-1, x.shape[1]), x, "amax")
