"""Channels of a network: their first blocks, and who takes part."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from network import configtx
from network.material import Material
from network.plan import NodePlan, Plan
from network.tools import Change, Tools


class Channels:
    """Makes channels and has orderers and peers join them."""

    def __init__(self, folder: Path, plan: Plan, material: Material, tools: Tools) -> None:
        self.folder = folder / "channels"
        self._plan = plan
        self._material = material
        self._tools = tools

    def block(self, channel: str) -> Path:
        """The file with a channel's first block."""
        return self.folder / f"{channel}.block"

    def make_blocks(self) -> None:
        """Block 0 of each channel that has none yet."""
        missing = [name for name in self._plan.topology.channels if not self.block(name).exists()]
        if not missing:
            return
        configtx.write_channels(self._plan, self.folder, self._material)
        for name in missing:
            partial = self.block(name).with_suffix(".new")
            self._tools.make_block(self.folder, name, name, partial)
            partial.rename(self.block(name))

    def add_organisation(self, channel: str, msp: str) -> None:
        """Changes a channel's configuration so that an organisation takes part in it.

        The change is signed by the administrators of the organisations that are in it already.

        Raises:
            NetworkError: they do not agree, or the orderers refuse.
        """
        members = self._plan.peers(self._plan.topology.channels[channel].organisations)
        files = Change(self.folder / f"{channel}-add-{msp}")
        node = members[0]
        self._tools.peer(
            node,
            *("channel", "fetch", "config", files.block, "-c", channel),
            *self._tools.orderer_flags(),
        )
        self._tools.translate("decode", "common.Block", files.block, files.json)
        envelope = json.loads(files.json.read_bytes())["data"]["data"][0]["payload"]["data"]
        before = envelope["config"]
        after = copy.deepcopy(before)
        configtx.write_organisation(self._plan, files.folder, self._material, msp)
        groups = after["channel_group"]["groups"]["Application"]["groups"]
        if msp in groups:
            return
        groups[msp] = self._tools.organisation_json(files.folder, msp)
        update = self._tools.compute_update(channel, before, after, files)
        for signer in members:
            self._tools.peer(signer, "channel", "signconfigtx", "-f", update)
        self._tools.peer(
            node, "channel", "update", "-f", update, "-c", channel, *self._tools.orderer_flags()
        )

    def join(self) -> None:
        """Every orderer joins every channel, every peer those of its organisation."""
        nodes = [*self._plan.orderers(), *self._plan.peers()]
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(self.join_node, nodes))

    def join_node(self, node: NodePlan) -> None:
        """Makes one orderer or peer join the channels that it has not joined yet."""
        channels = self._plan.topology.channels
        if node.kind == "orderer":
            for name in sorted(set(channels) - self._tools.orderer_channels(node)):
                self._tools.join_orderer(node, name, self.block(name))
            return
        own = {name for name, one in channels.items() if node.organisation in one.organisations}
        for name in sorted(own - self._tools.channels_of(node)):
            self._tools.peer(node, "channel", "join", "-b", self.block(name))
