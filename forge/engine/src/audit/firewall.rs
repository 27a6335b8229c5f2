//! The packet filter: what comes in is dropped unless a rule lets it in, over IPv4 and IPv6.

use super::Look;
use crate::tool::{Run, Tools};
use serde::Deserialize;
use serde_json::Value;

/// Looks at the rules that the kernel has now.
pub fn look(tools: &Tools) -> Look {
    match Run::new(tools, &tools.nft).args(["-j", "list", "ruleset"]).run() {
        Ok(said) => rules(&said),
        Err(error) => Look::unknown(error),
    }
}

/// libnftables-json(5).
#[derive(Deserialize)]
struct Ruleset {
    nftables: Vec<Object>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    chain: Option<Chain>,
    rule: Option<Rule>,
}

#[derive(Deserialize)]
struct Chain {
    family: String,
    table: String,
    name: String,
    hook: Option<String>,
    policy: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    family: String,
    table: String,
    chain: String,
    #[serde(default)]
    expr: Vec<Value>,
}

fn rules(json: &[u8]) -> Look {
    let ruleset: Ruleset = match serde_json::from_slice(json) {
        Ok(ruleset) => ruleset,
        Err(error) => return Look::unknown(format_args!("nft says something that can not be read: {error}")),
    };
    let chains = || ruleset.nftables.iter().filter_map(|object| object.chain.as_ref());
    let mut look = Look::default();
    for (protocol, family) in [("IPv4", "ip"), ("IPv6", "ip6")] {
        let covers = |chain: &&Chain| chain.family == "inet" || chain.family == family;
        let drops = |chain: &&Chain| chain.hook.as_deref() == Some("input") && chain.policy.as_deref() == Some("drop");
        let found = chains().filter(covers).filter(drops).find(|chain| !is_open(chain, &ruleset));
        match found {
            Some(chain) => look.fact(format_args!(
                "{protocol}: chain {} of table {} {} has the hook input and the policy drop",
                chain.name, chain.family, chain.table
            )),
            None => look.fault(format_args!("{protocol}: no chain drops what comes in")),
        }
    }
    look
}

/// Whether a chain lets everything in: a rule that accepts without a condition.
fn is_open(chain: &Chain, ruleset: &Ruleset) -> bool {
    let rules = ruleset.nftables.iter().filter_map(|object| object.rule.as_ref());
    let mut ours = rules.filter(|r| (&r.family, &r.table, &r.chain) == (&chain.family, &chain.table, &chain.name));
    ours.any(|rule| {
        let does: Vec<&Value> =
            rule.expr.iter().filter(|e| e.get("counter").is_none() && e.get("log").is_none()).collect();
        does.len() == 1 && does[0].get("accept").is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::audit::Finding;

    /// A base chain for input, as nft prints it.
    fn input(family: &str, policy: &str, rule: &str) -> String {
        format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1.1.6", "json_schema_version": 1}}}},
            {{"table": {{"family": "{family}", "name": "filter", "handle": 1}}}},
            {{"chain": {{"family": "{family}", "table": "filter", "name": "input", "handle": 1, "type": "filter",
             "hook": "input", "prio": 0, "policy": "{policy}"}}}},
            {{"rule": {{"family": "{family}", "table": "filter", "chain": "input", "handle": 4, "expr": [{rule}]}}}}]}}"#
        )
    }

    const LOOPBACK: &str =
        r#"{"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "lo"}}, {"accept": null}"#;

    #[test]
    fn a_chain_that_drops_covers_both_protocols() {
        let look = rules(input("inet", "drop", LOOPBACK).as_bytes());
        assert_eq!((look.finding(), look.facts.len()), (Finding::Pass, 2), "{look:?}");
    }

    #[test]
    fn what_covers_ipv4_only_leaves_ipv6_open() {
        assert_eq!(rules(input("ip", "drop", LOOPBACK).as_bytes()).faults, ["IPv6: no chain drops what comes in"]);
    }

    #[test]
    fn a_policy_that_accepts_and_a_rule_that_accepts_everything_are_faults() {
        assert_eq!(rules(input("inet", "accept", LOOPBACK).as_bytes()).faults.len(), 2);
        assert_eq!(rules(input("inet", "drop", r#"{"counter": null}, {"accept": null}"#).as_bytes()).faults.len(), 2);
    }

    #[test]
    fn no_rules_at_all_are_a_fault_and_no_json_can_not_be_told() {
        let empty = br#"{"nftables": [{"metainfo": {"version": "1.1.6"}}]}"#;
        assert_eq!(rules(empty).finding(), Finding::Fail);
        assert_eq!(rules(b"what").finding(), Finding::CannotTell);
    }
}
