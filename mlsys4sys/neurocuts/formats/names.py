"""Protocols and ports by name (IANA's registries; the handful that rule files use)."""

from __future__ import annotations

PROTOCOLS = {
    "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ipip": 4, "ipinip": 4, "st": 5, "tcp": 6, "egp": 8,
    "igp": 9, "udp": 17, "dccp": 33, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50,
    "ipv6-crypt": 50, "ah": 51, "ahp": 51, "ipv6-auth": 51, "icmpv6": 58, "ipv6-icmp": 58, "icmp6": 58,
    "ipv6-nonxt": 59, "ipv6-opts": 60, "eigrp": 88, "ospf": 89, "ospfigp": 89, "nos": 94, "pim": 103, "ipcomp": 108,
    "pcp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}  # fmt: skip

WITH_PORTS = frozenset({6, 17, 33, 132, 136})
"""Protocols whose header begins with two ports."""

PORTS = {
    "tcpmux": 1, "echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "chargen": 19, "ftp-data": 20,
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "whois": 43, "tacacs": 49, "domain": 53, "bootps": 67,
    "bootpc": 68, "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "www": 80, "kerberos": 88, "pop2": 109,
    "pop3": 110, "sunrpc": 111, "auth": 113, "nntp": 119, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138,
    "netbios-ssn": 139, "imap2": 143, "imap": 143, "snmp": 161, "snmptrap": 162, "snmp-trap": 162, "xdmcp": 177,
    "bgp": 179, "irc": 194, "ldap": 389, "https": 443, "microsoft-ds": 445, "kpasswd": 464, "submissions": 465,
    "isakmp": 500, "syslog": 514, "printer": 515, "route": 520, "dhcpv6-client": 546, "dhcpv6-server": 547,
    "rtsp": 554, "submission": 587, "ipp": 631, "ldaps": 636, "domain-s": 853, "rsync": 873, "ftps-data": 989,
    "ftps": 990, "telnets": 992, "imaps": 993, "pop3s": 995, "socks": 1080, "openvpn": 1194, "ms-sql-s": 1433,
    "ms-sql-m": 1434, "pptp": 1723, "radius": 1812, "radius-acct": 1813, "nfs": 2049, "mysql": 3306,
    "ms-wbt-server": 3389, "iscsi-target": 3260, "sip": 5060, "sip-tls": 5061, "xmpp-client": 5222,
    "xmpp-server": 5269, "postgresql": 5432, "amqp": 5672, "redis": 6379, "x11": 6000, "http-alt": 8080,
    "https-alt": 8443, "git": 9418, "ipsec-nat-t": 4500,
}  # fmt: skip
"""Names as /etc/services and nft print them."""

_SHARED = (
    "echo discard daytime chargen ftp-data ftp telnet smtp time whois tacacs domain bootps bootpc tftp gopher finger "
    "www pop2 pop3 sunrpc nntp ntp netbios-ns netbios-dgm snmp snmptrap xdmcp bgp irc isakmp syslog"
)
CISCO_PORTS = {
    **{name: PORTS[name] for name in _SHARED.split()},
    "hostname": 101, "ident": 113, "pim-auto-rp": 496, "exec": 512, "biff": 512, "login": 513, "who": 513, "cmd": 514,
    "lpd": 515, "talk": 517, "rip": 520, "uucp": 540, "klogin": 543, "kshell": 544, "netbios-ss": 139,
    "mobile-ip": 434, "nameserver": 42, "dnsix": 195, "non500-isakmp": 4500, "drip": 3949, "msrpc": 135,
    "onep-plain": 15001, "onep-tls": 15002, "ssh": 22, "https": 443, "http": 80, "ldap": 389, "ldaps": 636,
    "sip": 5060, "sqlnet": 1521, "kerberos": 750, "nfs": 2049, "pcanywhere-data": 5631, "pcanywhere-status": 5632,
    "lotusnotes": 1352, "citrix-ica": 1494, "pptp": 1723, "imap4": 143, "h323": 1720, "radius": 1645,
    "radius-acct": 1646, "rsh": 514, "rtsp": 554, "secureid-udp": 5510, "snmp-trap": 162, "netbios-ssn": 139,
    "aol": 5190, "cifs": 3020, "ctiqbe": 2748,
}  # fmt: skip
"""Names as Cisco's lists have them: where two systems differ, Cisco's meaning (kerberos is 750, radius 1645)."""

ICMP_TYPES = {
    "echo-reply": (0, None), "pong": (0, None), "destination-unreachable": (3, None), "unreachable": (3, None),
    "network-unreachable": (3, 0), "net-unreachable": (3, 0), "host-unreachable": (3, 1),
    "protocol-unreachable": (3, 2), "port-unreachable": (3, 3), "fragmentation-needed": (3, 4),
    "packet-too-big": (3, 4), "source-route-failed": (3, 5), "network-unknown": (3, 6), "host-unknown": (3, 7),
    "network-prohibited": (3, 9), "host-prohibited": (3, 10), "communication-prohibited": (3, 13),
    "administratively-prohibited": (3, 13), "source-quench": (4, None), "redirect": (5, None),
    "network-redirect": (5, 0), "host-redirect": (5, 1), "echo-request": (8, None), "ping": (8, None),
    "echo": (8, None), "router-advertisement": (9, None), "router-solicitation": (10, None),
    "time-exceeded": (11, None), "ttl-exceeded": (11, None), "ttl-zero-during-transit": (11, 0),
    "ttl-zero-during-reassembly": (11, 1), "reassembly-timeout": (11, 1), "parameter-problem": (12, None),
    "timestamp-request": (13, None), "timestamp-reply": (14, None), "info-request": (15, None),
    "info-reply": (16, None), "address-mask-request": (17, None), "mask-request": (17, None),
    "address-mask-reply": (18, None), "mask-reply": (18, None), "traceroute": (30, None),
}  # fmt: skip
"""Name → (type, code or None for all)."""

ICMPV6_TYPES = {
    "destination-unreachable": (1, None), "no-route": (1, 0), "communication-prohibited": (1, 1),
    "beyond-scope": (1, 2), "address-unreachable": (1, 3), "port-unreachable": (1, 4), "packet-too-big": (2, None),
    "time-exceeded": (3, None), "ttl-exceeded": (3, None), "ttl-zero-during-transit": (3, 0),
    "ttl-zero-during-reassembly": (3, 1), "parameter-problem": (4, None), "bad-header": (4, 0),
    "unknown-header-type": (4, 1), "unknown-option": (4, 2), "echo-request": (128, None), "ping": (128, None),
    "echo-reply": (129, None), "pong": (129, None), "mld-listener-query": (130, None),
    "mld-listener-report": (131, None), "mld-listener-done": (132, None), "mld-listener-reduction": (132, None),
    "router-solicitation": (133, None), "nd-router-solicit": (133, None), "router-advertisement": (134, None),
    "nd-router-advert": (134, None), "neighbour-solicitation": (135, None), "neighbor-solicitation": (135, None),
    "nd-neighbor-solicit": (135, None), "neighbour-advertisement": (136, None), "neighbor-advertisement": (136, None),
    "nd-neighbor-advert": (136, None), "redirect": (137, None), "nd-redirect": (137, None),
    "mld2-listener-report": (143, None),
}  # fmt: skip


def protocol_name(number: int) -> str:
    """The usual name of a protocol that all tools know, else its number."""
    return {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 132: "sctp"}.get(
        number, str(number)
    )
