"""Security groups and network ACLs as ``aws ec2 describe-security-groups`` and ``describe-network-acls`` print them.

A security group is a union of allowing rules: their order says nothing, and what none allows is denied. Several
groups in a file are taken together, as for an interface that has them all. Entries of a network ACL count in order of
their numbers. References to other groups and prefix lists become fields of one bit.
"""

from __future__ import annotations

from mlsys4sys.neurocuts.formats.draft import Draft
from mlsys4sys.neurocuts.formats.jsontext import Value
from mlsys4sys.neurocuts.formats.jsontext import parse as parse_json
from mlsys4sys.neurocuts.formats.spans import ALWAYS, Condition, Spans, both
from mlsys4sys.neurocuts.losses import Effect

IMPLICIT = "deny"
_ICMP = frozenset({1, 58})
_PERMISSION = frozenset(
    {"IpProtocol", "FromPort", "ToPort", "IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"}
)
_ENTRY = frozenset({
    "CidrBlock", "Ipv6CidrBlock", "Egress", "IcmpTypeCode", "PortRange", "Protocol", "RuleAction", "RuleNumber",
})  # fmt: skip


def parse(draft: Draft, text: str, *, egress: bool = False, group: str | None = None) -> None:
    """Read a file into a draft.

    Args:
        draft: Of the IP version wanted; rules of the other are entered as left out.
        text: The file.
        egress: Rules for packets that leave; else for those that come in.
        group: Id or name of the security groups or of the network ACL wanted; None for all groups, or the only ACL.

    Raises:
        RuleError: It is no such JSON.
    """
    root = parse_json(text, draft.name)
    members = root.object()
    if "SecurityGroups" in members:
        _groups(draft, root.need("SecurityGroups"), egress=egress, group=group)
    elif "NetworkAcls" in members:
        _acls(draft, root.need("NetworkAcls"), egress=egress, group=group)
    else:
        raise root.error("neither SecurityGroups nor NetworkAcls: what `aws ec2 describe-…` prints is wanted")
    draft.add([ALWAYS], IMPLICIT, root.document.place(root.end)[0], "what nothing allows is denied")


def _groups(draft: Draft, groups: Value, *, egress: bool, group: str | None) -> None:
    found = False
    for item in groups.list():
        identity = item.need("GroupId").string()
        name = named.string() if (named := item.get("GroupName")) else identity
        if group not in (None, identity, name):
            draft.lose(Effect.LEFT_OUT, f"security group {identity} was not asked for", item.line, text=item.text)
            continue
        found = True
        wanted, other = ("IpPermissionsEgress", "IpPermissions")[:: 1 if egress else -1]
        skipped = item.get(other)
        if skipped is not None and skipped.list():
            way = "incoming" if egress else "outgoing"
            draft.lose(Effect.LEFT_OUT, f"{len(skipped.list())} rules for {way} packets of {identity}", skipped.line)
        for permission in permissions.list() if (permissions := item.get(wanted)) else ():
            _permission(draft, permission, "dst" if egress else "src")
    if group is not None and not found:
        raise groups.error(f"no security group {group!r}")


def _permission(draft: Draft, permission: Value, side: str) -> None:
    for key in permission.object():
        if key not in _PERMISSION:
            raise permission.error(f"{key!r} is unknown in a security group's rule")
    traffic = _traffic(draft, permission)
    count = 0
    for key, member, version in (("IpRanges", "CidrIp", 4), ("Ipv6Ranges", "CidrIpv6", 6)):
        for item in values.list() if (values := permission.get(key)) else ():
            count += 1
            prefix = item.need(member)
            spans = draft.prefix(prefix.string(), prefix.line, _column(prefix))
            if spans is None:
                if prefix.string().count(":") and version == 4:
                    raise prefix.error("an IPv6 prefix among IPv4 ranges")
                why = f"a rule for IPv{version} packets"
                draft.lose(Effect.LEFT_OUT, why, item.line, text=item.text, exact=True)
            else:
                _allow(draft, traffic, {side: spans}, permission, item)
    for key, member in (("PrefixListIds", "PrefixListId"), ("UserIdGroupPairs", "GroupId")):
        for item in values.list() if (values := permission.get(key)) else ():
            count += 1
            name = item.need(member).string()
            _allow(draft, traffic, draft.bit(f"{side} in {name}", item.line, _column(item)), permission, item)
    if not count:
        why = "it names no peer, so it allows nothing"
        draft.lose(Effect.LEFT_OUT, why, permission.line, text=permission.text, exact=True)


def _allow(draft: Draft, traffic: list[Condition], peer: Condition, permission: Value, item: Value) -> None:
    met = [met for condition in traffic if (met := both(condition, peer)) is not None]
    protocol = permission.need("IpProtocol").text
    draft.add(met, "allow", item.line, f"IpProtocol {protocol} {item.text}")


def _traffic(draft: Draft, permission: Value) -> list[Condition]:
    word = permission.need("IpProtocol")
    name = word.string()
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if name == "-1":
        return [ALWAYS]
    protocol = draft.protocol(name, word.line, _column(word))
    own: Condition = {"proto": protocol}
    number = protocol[0][0]
    if number in _ICMP:
        return [_icmp(draft, own, low, high, permission)]
    if number not in (6, 17) or low is None or high is None:
        return [own]
    first, last = low.integer(-1, 0xFFFF), high.integer(-1, 0xFFFF)
    if first == -1:
        return [own]
    if first > last:
        raise low.error(f"port range {first} : {last} is empty")
    return [{**own, "dport": ((first, last),)}]


def _icmp(draft: Draft, own: Condition, kind: Value | None, code: Value | None, at: Value) -> Condition:
    out = dict(own)
    for name, value in (("icmp_type", kind), ("icmp_code", code)):
        if value is not None and value.integer(-1, 255) >= 0:
            number = value.integer(-1, 255)
            out |= draft.number(name, ((number, number),), at.line, _column(at), f"{name} {number}")
    return out


def _acls(draft: Draft, acls: Value, *, egress: bool, group: str | None) -> None:
    named = [(item.need("NetworkAclId").string(), item) for item in acls.list()]
    if group is not None:
        chosen = [item for name, item in named if name == group]
        for name, item in named:
            if name != group:
                draft.lose(Effect.LEFT_OUT, f"network ACL {name} was not asked for", item.line)
    else:
        chosen = [item for _, item in named]
    if len(chosen) != 1:
        names = ", ".join(name for name, _ in named) or "none"
        raise acls.error(f"one network ACL is wanted, by its id; there are: {names}")
    entries: dict[tuple[int, int], Value] = {}
    for order, entry in enumerate(chosen[0].need("Entries").list()):
        for key in entry.object():
            if key not in _ENTRY:
                raise entry.error(f"{key!r} is unknown in an entry of a network ACL")
        if entry.need("Egress").truth() != egress:
            way = "incoming" if egress else "outgoing"
            draft.lose(Effect.LEFT_OUT, f"an entry for {way} packets", entry.line, text=entry.text)
            continue
        entries[entry.need("RuleNumber").integer(1, 32767), order] = entry
    for _, entry in sorted(entries.items(), key=lambda pair: pair[0]):
        _entry(draft, entry, "dst" if egress else "src")


def _entry(draft: Draft, entry: Value, side: str) -> None:
    action = entry.need("RuleAction")
    if action.string() not in ("allow", "deny"):
        raise action.error("RuleAction is neither allow nor deny")
    block = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")
    if block is None:
        raise entry.error("neither CidrBlock nor Ipv6CidrBlock")
    spans = draft.prefix(block.string(), block.line, _column(block))
    if spans is None:
        other = 10 - draft.version
        draft.lose(Effect.LEFT_OUT, f"an entry for IPv{other} packets", entry.line, text=entry.text, exact=True)
        return
    draft.add([{**_entry_traffic(draft, entry), side: spans}], action.string(), entry.line, entry.text)


def _entry_traffic(draft: Draft, entry: Value) -> Condition:
    word = entry.need("Protocol")
    if word.string() == "-1":
        return ALWAYS
    protocol: Spans = draft.protocol(word.string(), word.line, _column(word))
    own: Condition = {"proto": protocol}
    ports, icmp = entry.get("PortRange"), entry.get("IcmpTypeCode")
    if protocol[0][0] in _ICMP:
        if icmp is None:
            return own
        return _icmp(draft, own, icmp.get("Type"), icmp.get("Code"), icmp)
    if ports is None:
        return own
    if protocol[0][0] not in (6, 17):
        raise ports.error(f"PortRange with protocol {word.string()}, which has no ports")
    first, last = ports.need("From").integer(0, 0xFFFF), ports.need("To").integer(0, 0xFFFF)
    if first > last:
        raise ports.error(f"port range {first} : {last} is empty")
    return {**own, "dport": ((first, last),)}


def _column(value: Value) -> int:
    return value.document.place(value.start)[1]
