"""Options of every command that reads rules, and the reading itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.problem import RuleSet

F = TypeVar("F", bound=Callable[..., Any])
KINDS = ("classbench", "iptables", "nft", "aws", "cisco", "ovs", "csv", "cidr")


_UNKNOWN = "Conditions outside the five-tuple: keep them as fields, or in doubt allow or deny."
_OPTIONS = (
    click.option("--format", type=click.Choice(KINDS), help="Format of the rules; by default told by their looks."),
    click.option("--chain", help="iptables, nft: the base chain."),
    click.option("--table", help="iptables, nft, ovs: the table."),
    click.option("--acl", help="cisco: name or number of the list."),
    click.option("--group", help="aws: id or name of the security group or network ACL."),
    click.option("--egress", is_flag=True, help="aws: rules for packets that leave, not those that come in."),
    click.option("--ip-version", type=click.Choice(["4", "6"]), help="IP version; by default told by the file."),
    click.option(
        "--given", multiple=True, metavar="NAME=VALUE", help="Value of a field beside the five-tuple; repeat."
    ),
    click.option(
        "--unknown", type=click.Choice(["field", "allow", "deny"]), default="field", show_default=True, help=_UNKNOWN
    ),
)


def reading_options(command: F) -> F:
    """``--format`` and what formats take; the command hands them to `read_rules`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_rules(path: str, options: dict[str, Any]) -> RuleSet:
    """The rules of a file, ``-`` being stdin; inexact steps of its importer go to stderr.

    Raises:
        InputError: It cannot be read or understood.
    """
    from mlsys4sys.neurocuts import formats

    text, name = formats.load(path)
    kind = options.get("format") or formats.sniff(text)
    wanted: dict[str, Any] = {key: options.get(key) for key in ("chain", "table", "acl", "group")}
    if options.get("egress"):
        wanted["egress"] = True
    if kind not in ("csv", "cidr", "classbench"):
        wanted["unknown"] = options.get("unknown")
        wanted["given"] = dict(_pair(text_) for text_ in options.get("given") or ())
    if options.get("ip_version"):
        wanted["version"] = int(options["ip_version"])
    return formats.parse(text, kind, name=name, **{key: value for key, value in wanted.items() if value is not None})


def tell_losses(rules: RuleSet, *, quiet: bool = False) -> None:
    """Say on stderr what the importer could not carry over exactly."""
    inexact = [loss for loss in rules.losses if not loss.exact]
    if not inexact or quiet:
        return
    click.echo(f"warning: {len(inexact)} parts of {rules.losses.source} are not in the rules as they are:", err=True)
    for loss in inexact[:10]:
        click.echo(f"  {loss}", err=True)
    if len(inexact) > 10:
        click.echo(f"  … {len(inexact) - 10} more: mlsys4sys rules report lists them", err=True)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise InputError(f"--given is NAME=VALUE, not {text!r}")
    return name, value
