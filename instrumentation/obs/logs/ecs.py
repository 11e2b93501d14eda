"""The Elastic Common Schema as data: which top-level names are groups of fields, and what type each field has.

Only what decides about a caller's field stands here: a name that is no group of ECS is the caller's own. Source: the
field reference of ECS 8.17 (elastic.co/docs/reference/ecs); sets that ECS nests in others (geo, hash, os, ...) are
written where they occur.
"""

from __future__ import annotations

VERSION = "8.17.0"

_GEO = (
    "geo.city_name geo.continent_code geo.continent_name geo.country_iso_code geo.country_name geo.location:geo "
    "geo.name geo.postal_code geo.region_iso_code geo.region_name geo.timezone"
)
_AS = "as.number:long as.organization.name"
_OS = "os.family os.full os.kernel os.name os.platform os.type os.version"
_HASH = "hash.md5 hash.sha1 hash.sha256 hash.sha384 hash.sha512 hash.ssdeep hash.tlsh"
_USER = "domain email full_name group.domain group.id group.name hash id name roles"
_ENDPOINT = (
    f"address bytes:long domain ip:ip mac nat.ip:ip nat.port:long packets:long port:long registered_domain subdomain "
    f"top_level_domain {_GEO} {_AS} " + " ".join(f"user.{name}" for name in _USER.split())
)
_CERTIFICATE = (
    "x509.issuer.common_name x509.issuer.distinguished_name x509.not_after:date x509.not_before:date "
    "x509.serial_number x509.subject.common_name x509.subject.distinguished_name"
)

# One row a group: its fields, `name` or `name:type`; a field without a type is a keyword.
_GROUPS: dict[str, str] = {
    "agent": "build.original ephemeral_id id name type version",
    "client": _ENDPOINT,
    "cloud": "account.id account.name availability_zone instance.id instance.name machine.type project.id project.name "
    "provider region service.name",
    "container": "cpu.usage:float disk.read.bytes:long disk.write.bytes:long id image.hash.all image.name image.tag "
    "labels:object memory.usage:float name network.egress.bytes:long network.ingress.bytes:long runtime "
    "security_context.privileged:boolean",
    "data_stream": "dataset namespace type",
    "destination": _ENDPOINT,
    "device": "id manufacturer model.identifier model.name serial_number",
    "dll": f"name path {_HASH}",
    "dns": "answers:object header_flags id op_code question.class question.name question.registered_domain "
    "question.subdomain question.top_level_domain question.type resolved_ip:ip response_code type",
    "ecs": "version",
    "email": "attachments:object bcc.address cc.address content_type delivery_timestamp:date direction from.address "
    "local_id message_id origination_timestamp:date reply_to.address sender.address subject to.address x_mailer",
    "error": "code id message:text stack_trace type",
    "event": "action agent_id_status category code created:date dataset duration:long end:date hash id ingested:date "
    "kind module original outcome provider reason reference risk_score:float risk_score_norm:float sequence:long "
    "severity:long start:date timezone type url",
    "faas": "coldstart:boolean execution id name trigger.request_id trigger.type version",
    "file": f"accessed:date attributes created:date ctime:date device directory drive_letter extension fork_name gid "
    f"group inode mime_type mode mtime:date name owner path size:long target_path type uid {_HASH}",
    "group": "domain id name",
    "host": f"architecture boot.id cpu.usage:float disk.read.bytes:long disk.write.bytes:long domain hostname id ip:ip "
    f"mac name network.egress.bytes:long network.egress.packets:long network.ingress.bytes:long "
    f"network.ingress.packets:long pid_ns_ino type uptime:long {_GEO} {_OS}",
    "http": "request.body.bytes:long request.body.content request.bytes:long request.id request.method "
    "request.mime_type request.referrer response.body.bytes:long response.body.content response.bytes:long "
    "response.mime_type response.status_code:long version",
    "labels": "",
    "log": "file.path level logger origin.file.line:long origin.file.name origin.function syslog:object",
    "network": "application bytes:long community_id direction forwarded_ip:ip iana_number inner:object name "
    "packets:long protocol transport type vlan.id vlan.name",
    "observer": f"egress:object hostname ingress:object ip:ip mac name product serial_number type vendor version "
    f"{_GEO} {_OS}",
    "orchestrator": "api_version cluster.id cluster.name cluster.url cluster.version namespace organization "
    "resource.annotation resource.id resource.ip:ip resource.label resource.name resource.parent.type resource.type "
    "type",
    "organization": "id name",
    "package": "architecture build_version checksum description install_scope installed:date license name path "
    "reference size:long type version",
    "process": "args args_count:long command_line end:date entity_id env_vars executable exit_code:long "
    "interactive:boolean name parent:object pgid:long pid:long start:date thread.id:long thread.name title "
    "uptime:long working_directory user:object",
    "registry": "data.bytes data.strings data.type hive key path value",
    "related": "hash hosts ip:ip user",
    "rule": "author category description id license name reference ruleset uuid version",
    "server": _ENDPOINT,
    "service": "address environment ephemeral_id id name node.name node.role node.roles origin:object state "
    "target:object type version",
    "source": _ENDPOINT,
    "span": "id",
    "threat": "enrichments:object feed:object framework group:object indicator:object software:object tactic:object "
    "technique:object",
    "tls": "cipher client.ja3 client.server_name client.subject client.supported_ciphers curve established:boolean "
    "next_protocol resumed:boolean server.ja3s server.subject version version_protocol "
    + " ".join(f"{side}.{field}" for side in ("client", "server") for field in _CERTIFICATE.split()),
    "trace": "id",
    "transaction": "id",
    "url": "domain extension fragment full original password path port:long query registered_domain scheme subdomain "
    "top_level_domain username",
    "user": f"{_USER} changes:object effective:object target:object risk:object",
    "user_agent": f"device.name name original version {_OS}",
    "volume": "bus_type default_access device_name device_type dos_name file_system_type mount_name nt_name "
    "product_id product_name removable:boolean serial_number size:long vendor_id vendor_name writable:boolean",
    "vulnerability": "category classification description enumeration id reference report_id scanner.vendor "
    "score.base:float score.environmental:float score.temporal:float score.version severity",
}

GROUPS = frozenset(_GROUPS)

# Fields by their full dotted name; the three that stand at the top without a group come first.
TYPES: dict[str, str] = {"@timestamp": "date", "message": "text", "tags": "keyword"}
for _group, _fields in _GROUPS.items():
    for _field in _fields.split():
        _name, _, _type = _field.partition(":")
        TYPES[f"{_group}.{_name}"] = _type or "keyword"

# What holds other fields and so can be no value itself: the groups, and the objects in between.
OBJECTS = GROUPS | {
    ".".join(parts[:size]) for parts in (name.split(".") for name in TYPES) for size in range(1, len(parts))
}
