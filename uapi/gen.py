#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes everything that follows from uapi/sluice.yaml.

  uapi/linux/sluice.h              what kernel and userspace share
  kmod/netlink-gen.[ch]            attribute policies and the operation table
  userspace/netlink/names.gen.hpp  names of counters, operations and attributes, for messages and --json
  Documentation/netlink.rst        the reference page

`gen.py` writes them, `gen.py --check` fails when one of them is not what it would write.
"""
import pathlib
import sys

import yaml

TOP = pathlib.Path(__file__).resolve().parent.parent
STAMP = "Made from uapi/sluice.yaml by uapi/gen.py.  Do not edit."
WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


def upper(name):
    return name.upper().replace("-", "_")


def lower(name):
    return name.replace("-", "_")


def attribute(set_name, name):
    return f"SLUICE_A_{upper(set_name)}_{upper(name)}"


def is_event(op):
    return "event" in op


def request_of(op):
    """Names of the attributes that a request carries, in a "do" or for a dump."""
    return [name for verb in ("do", "dump") for name in op.get(verb, {}).get("request", [])]


def header(spec):
    out = ["/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0) */",
           f"/* {STAMP} */", "#ifndef _UAPI_LINUX_SLUICE_H", "#define _UAPI_LINUX_SLUICE_H", "",
           f'#define SLUICE_GENL_NAME "{spec["name"]}"', f"#define SLUICE_GENL_VERSION {spec['version']}", ""]
    for definition in spec["definitions"]:
        prefix = f"SLUICE_{upper(definition['name'])}"
        out += ["/**", f" * enum sluice_{lower(definition['name'])} - {definition['doc']}"]
        out += [f" * @{prefix}_{upper(e['name'])}: {e['doc']}" for e in definition["entries"]]
        out += [" */", f"enum sluice_{lower(definition['name'])} {{"]
        out += [f"\t{prefix}_{upper(e['name'])}," for e in definition["entries"]]
        out += ["", "\t/* private: */", f"\t__{prefix}_COUNT", "};", ""]
    for group in spec["attribute-sets"]:
        prefix = f"SLUICE_A_{upper(group['name'])}"
        out += [f"/* {group['doc']} */", "enum {", f"\t{prefix}_UNSPEC,"]
        out += [f"\t{attribute(group['name'], a['name'])}," for a in group["attributes"]]
        out += ["", f"\t__{prefix}_MAX,", f"\t{prefix}_MAX = (__{prefix}_MAX - 1)", "};", ""]
    out += ["enum {", "\tSLUICE_CMD_UNSPEC,"]
    out += [f"\tSLUICE_CMD_{upper(op['name'])}," for op in spec["operations"]]
    out += ["", "\t__SLUICE_CMD_MAX,", "\tSLUICE_CMD_MAX = (__SLUICE_CMD_MAX - 1)", "};", "",
            "#endif /* _UAPI_LINUX_SLUICE_H */", ""]
    return "\n".join(out)


def policy_entry(spec, group, attr):
    """One row of an nla_policy: the YAML's type and checks in the kernel's words."""
    checks = attr.get("checks", {})
    kind = attr["type"]
    if kind == "nest":
        return f"NLA_POLICY_NESTED(sluice_{lower(attr['nested-attributes'])}_policy)"
    if kind == "binary":
        if "exact-len" in checks:
            return f"NLA_POLICY_EXACT_LEN({checks['exact-len']})"
        return f"NLA_POLICY_RANGE(NLA_BINARY, {checks['min-len']}, {checks['max-len']})"
    if kind == "string":
        return f"{{ .type = NLA_NUL_STRING, .len = {checks['max-len']} }}"
    nla = f"NLA_{kind.upper()}"
    if "enum" in attr:
        return f"NLA_POLICY_MAX({nla}, __SLUICE_{upper(attr['enum'])}_COUNT - 1)"
    low, high = checks.get("min"), checks.get("max")
    if low is not None and high is not None:
        if high > 32767:  # struct nla_policy keeps min and max in s16: a range needs a table
            return f"NLA_POLICY_FULL_RANGE({nla}, &sluice_{lower(group['name'])}_{lower(attr['name'])}_range)"
        return f"NLA_POLICY_RANGE({nla}, {low}, {high})"
    if low is not None:
        return f"NLA_POLICY_MIN({nla}, {low})"
    if high is not None:
        return f"NLA_POLICY_MAX({nla}, {high})"
    return f"{{ .type = {nla} }}"


def requested(spec):
    """Attribute sets and names that some request carries: only they get a policy."""
    groups = {g["name"]: g for g in spec["attribute-sets"]}
    used = {}

    def visit(group, names):
        for attr in groups[group]["attributes"]:
            if attr["name"] in names:
                used.setdefault(group, set()).add(attr["name"])
                if attr["type"] == "nest":
                    nested = attr["nested-attributes"]
                    visit(nested, {a["name"] for a in groups[nested]["attributes"]})

    for op in spec["operations"]:
        visit(op["attribute-set"], set(request_of(op)))
    return groups, used


def kernel_source(spec):
    groups, used = requested(spec)
    order = []

    def place(name):  # a nested policy stands before the one that names it
        if name in order:
            return
        for attr in groups[name]["attributes"]:
            if attr["type"] == "nest" and attr["name"] in used[name]:
                place(attr["nested-attributes"])
        order.append(name)

    nested = {a["nested-attributes"] for g in groups.values() for a in g["attributes"]
              if a["type"] == "nest" and a["name"] in used.get(g["name"], ())}
    for name in used:
        place(name)

    out = ["// SPDX-License-Identifier: GPL-2.0-only", f"/* {STAMP} */", "",
           "#include <net/genetlink.h>", "#include <net/netlink.h>", "", '#include "netlink-gen.h"', ""]
    for name in order:
        for attr in groups[name]["attributes"]:
            checks = attr.get("checks", {})
            if attr["name"] in used[name] and checks.get("max", 0) > 32767 and "min" in checks:
                out += [f"static struct netlink_range_validation sluice_{lower(name)}_{lower(attr['name'])}_range = {{",
                        f"\t.min = {checks['min']},", f"\t.max = {checks['max']},", "};", ""]
    for name in order:
        if name not in nested:
            continue
        out += policy_table(spec, groups[name], used[name], f"sluice_{lower(name)}_policy", static=False)
    for op in spec["operations"]:
        request = request_of(op)
        if request:
            out += policy_table(spec, groups[op["attribute-set"]], set(request),
                                f"sluice_{lower(op['name'])}_policy", static=True, visible=op.get("parses", False))
    out += ["/* Any attributes: who parses them is called with whatever came. */", "static const struct nla_policy sluice_anything[] = {",
            "\t[1 ... 255] = { .type = NLA_BINARY },", "};", "", "const struct genl_ops sluice_netlink_ops[] = {"]
    for op in spec["operations"]:
        if is_event(op):
            continue
        out += ["\t{", f"\t\t.cmd\t\t= SLUICE_CMD_{upper(op['name'])},"]
        if "do" in op:
            out += [f"\t\t.doit\t\t= sluice_netlink_{lower(op['name'])},"]
        if "dump" in op:
            out += [f"\t\t.dumpit\t\t= sluice_netlink_{lower(op['name'])}_dump,"]
        request = request_of(op)
        if op.get("parses"):
            out += ["\t\t.policy\t\t= sluice_anything,", "\t\t.maxattr\t= ARRAY_SIZE(sluice_anything) - 1,"]
        elif request:
            out += [f"\t\t.policy\t\t= sluice_{lower(op['name'])}_policy,",
                    f"\t\t.maxattr\t= {highest_of(groups, op)},"]
        out += ["\t\t.flags\t\t= GENL_UNS_ADMIN_PERM,", "\t},"]
    out += ["};", "", "const unsigned int sluice_netlink_ops_count = ARRAY_SIZE(sluice_netlink_ops);", ""]
    return "\n".join(out)


def highest_of(groups, op):
    """The last attribute of its set that a request may have."""
    return attribute(op["attribute-set"], [a["name"] for a in groups[op["attribute-set"]]["attributes"] if a["name"] in request_of(op)][-1])


def policy_table(spec, group, names, symbol, static, visible=False):
    attrs = [a for a in group["attributes"] if a["name"] in names]
    size = attribute(group["name"], attrs[-1]["name"]) if static else f"SLUICE_A_{upper(group['name'])}_MAX"
    out = [f"{'static ' if static and not visible else ''}const struct nla_policy {symbol}[{size} + 1] = {{"]
    out += [f"\t[{attribute(group['name'], a['name'])}] = {policy_entry(spec, group, a)}," for a in attrs]
    return out + ["};", ""]


def kernel_header(spec):
    groups, used = requested(spec)
    nested = sorted({a["nested-attributes"] for g in groups.values() for a in g["attributes"]
                     if a["type"] == "nest" and a["name"] in used.get(g["name"], ())})
    out = ["/* SPDX-License-Identifier: GPL-2.0-only */", f"/* {STAMP} */", "#ifndef _SLUICE_NETLINK_GEN_H",
           "#define _SLUICE_NETLINK_GEN_H", "", "#include <net/genetlink.h>", "#include <net/netlink.h>",
           "", "#include <linux/sluice.h>", ""]
    for name in nested:
        out += [f"extern const struct nla_policy sluice_{lower(name)}_policy[SLUICE_A_{upper(name)}_MAX + 1];"]
    for op in spec["operations"]:
        if op.get("parses"):
            out += [f"extern const struct nla_policy sluice_{lower(op['name'])}_policy[{highest_of(groups, op)} + 1];"]
    out += ["", "extern const struct genl_ops sluice_netlink_ops[];",
            "extern const unsigned int sluice_netlink_ops_count;", ""]
    for op in spec["operations"]:
        if "do" in op:
            out += [f"int sluice_netlink_{lower(op['name'])}(struct sk_buff *skb, struct genl_info *info);"]
        if "dump" in op:
            out += [f"int sluice_netlink_{lower(op['name'])}_dump(struct sk_buff *skb, struct netlink_callback *cb);"]
    out += [""]
    for where in ("network", "namespace"):
        counters = [a for g in spec["attribute-sets"] for a in g["attributes"] if a.get("counter") == where]
        out += [f"/* Counters kept for each {where}, in the order of their attributes. */", f"enum sluice_{where}_counter {{"]
        prefix = "SLUICE_COUNT" if where == "network" else "SLUICE_NS_COUNT"
        out += [f"\t{prefix}_{upper(a['name'])}," for a in counters]
        out += [f"\t__{prefix}_MAX", "};", "",
                f"#define SLUICE_A_COUNTER_FIRST_{where.upper()} {attribute('counter', counters[0]['name'])}", ""]
        if where == "namespace":
            out += ["/* For trace.h. */", "#define sluice_show_namespace_counter(counter) __print_symbolic(counter, \\"]
            out += [f"\t{{ {prefix}_{upper(a['name'])}, \"{a['name']}\" }}{')' if a is counters[-1] else ', ' + chr(92)}" for a in counters] + [""]
    out += ["#endif /* _SLUICE_NETLINK_GEN_H */", ""]
    return "\n".join(out)


def names_header(spec):
    out = ["// SPDX-License-Identifier: Apache-2.0", f"// {STAMP}", "#pragma once", "", "#include <cstdint>", "#include <string_view>", "",
           "#include <linux/sluice.h>", "", "namespace sluice::netlink {", "",
           "struct CounterName {", "  uint16_t attribute;", "  std::string_view name;", "  std::string_view doc;", "};", ""]
    for where in ("network", "namespace"):
        out += [f"inline constexpr CounterName {where}_counters[] = {{"]
        for group in spec["attribute-sets"]:
            for a in group["attributes"]:
                if a.get("counter") == where:
                    out += [f'    {{{attribute(group["name"], a["name"])}, "{a["name"]}", "{a["doc"]}"}},']
        out += ["};", ""]
    for definition in spec["definitions"]:
        out += [f"inline constexpr std::string_view {lower(definition['name'])}_names[] = {{"]
        out += [f'    "{e["name"]}",' for e in definition["entries"]]
        out += ["};", ""]
    out += ["// Name of an attribute of an operation's outermost set, for extack; empty when unknown.",
            "constexpr std::string_view attribute_name(uint8_t command, uint16_t attribute) {", "  switch (command) {"]
    by_set = {}
    for op in spec["operations"]:
        by_set.setdefault(op["attribute-set"], []).append(op)
    for group in spec["attribute-sets"]:
        ops = by_set.get(group["name"])
        if not ops:
            continue
        out += [f"    case SLUICE_CMD_{upper(op['name'])}:" for op in ops]
        out += ["      switch (attribute) {"]
        out += [f'        case {attribute(group["name"], a["name"])}: return "{a["name"]}";' for a in group["attributes"] if a["type"] != "pad"]
        out += ["      }", "      break;"]
    out += ["  }", "  return {};", "}", "", "}  // namespace sluice::netlink", ""]
    return "\n".join(out)


def reference(spec):
    out = [".. SPDX-License-Identifier: GPL-2.0-only", f".. {STAMP}", "", "=================", "Netlink reference", "=================", "",
           f"Generic netlink family ``{spec['name']}``, version {spec['version']}; header ``linux/sluice.h``.", "", spec["doc"], "Operations", "==========", ""]
    for op in spec["operations"]:
        out += [op["name"], "-" * len(op["name"]), "", op["doc"], ""]
        if is_event(op):
            out += [f"Event to the controller, attributes of *{op['attribute-set']}*: {', '.join(op['event'])}.", ""]
            continue
        for verb in ("do", "dump"):
            if verb in op:
                request, reply = op[verb].get("request"), op[verb].get("reply")
                reply = ["all"] if reply == "all" else reply
                out += [f"* {verb}: request {', '.join(request) if request else 'empty'}; reply {', '.join(reply) if reply else 'acknowledgement'}"]
        out += ["", f"Attribute set: *{op['attribute-set']}*.", ""]
    out += ["Attribute sets", "==============", ""]
    for group in spec["attribute-sets"]:
        out += [group["name"], "-" * len(group["name"]), "", group["doc"], ""]
        for a in group["attributes"]:
            if a["type"] == "pad":
                continue
            kind = a["type"] if a["type"] != "nest" else f"nest of *{a['nested-attributes']}*"
            extra = "".join([f", {k} {v}" for k, v in a.get("checks", {}).items()] + ([", may repeat"] if a.get("multi-attr") else []))
            out += [f"``{a['name']}`` ({kind}{extra})", f"    {a['doc']}", ""]
    out += ["Enumerations", "============", ""]
    for definition in spec["definitions"]:
        out += [definition["name"], "-" * len(definition["name"]), "", definition["doc"], ""]
        for value, e in enumerate(definition["entries"]):
            out += [f"``{e['name']}`` ({value})", f"    {e['doc']}", ""]
    return "\n".join(out)


def main():
    spec = yaml.safe_load((TOP / "uapi/sluice.yaml").read_text())
    products = {
        "uapi/linux/sluice.h": header(spec),
        "kmod/netlink-gen.c": kernel_source(spec),
        "kmod/netlink-gen.h": kernel_header(spec),
        "userspace/netlink/names.gen.hpp": names_header(spec),
        "Documentation/netlink.rst": reference(spec),
    }
    stale = 0
    for name, text in products.items():
        path = TOP / name
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{name} is not what uapi/sluice.yaml says: run make uapi", file=sys.stderr)
            stale = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
