//! The verdicts on small random worlds against an authorizer that tries every request.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::acl::{AclOperation, AclPermission, AclResourceType, PatternType};
use crate::domain::names::Principal;

const NAMES: [&str; 6] = ["*", "a", "ab", "abc", "b", "a*"];
const HOSTS: [&str; 7] = ["*", "10.0.0.1", "10.0.0.1/32", "10.0.0.0/31", "10.0.0.0/8", "10.7.0.0/8", "0:0:0:0:0:0:0:1"];
const OPERATIONS: [AclOperation; 7] = [
    AclOperation::All,
    AclOperation::Read,
    AclOperation::Write,
    AclOperation::Describe,
    AclOperation::AlterConfigs,
    AclOperation::DescribeConfigs,
    AclOperation::Create,
];

/// Who asks, from where, for which operation, on which name.
type Request = (&'static str, &'static str, AclOperation, String);

/// Every request that tells two bindings of these worlds apart: each name, and something that starts with it.
fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for principal in ["User:a", "User:b", "Other:c"] {
        for host in ["10.0.0.0", "10.0.0.1", "10.9.9.9", "192.0.2.1", "0:0:0:0:0:0:0:1"] {
            for operation in OPERATIONS.into_iter().filter(|operation| *operation != AclOperation::All) {
                for name in NAMES {
                    requests.push((principal, host, operation, format!("{name}~")));
                    if name != "*" {
                        requests.push((principal, host, operation, name.to_owned()));
                    }
                }
            }
        }
    }
    requests
}

fn in_block(block: &str, host: &str) -> bool {
    let octets = |text: &str| text.split('.').map(|part| part.parse::<u32>().expect("an octet")).collect::<Vec<_>>();
    let (address, length) = block.split_once('/').expect("a block");
    if host.contains(':') {
        return false;
    }
    let number = |text: &str| octets(text).into_iter().fold(0_u32, |number, octet| number * 256 + octet);
    let shift = 32 - length.parse::<u32>().expect("a length");
    number(address) >> shift == number(host) >> shift
}

/// Kafka's `StandardAuthorizer` on one binding, written down as it is described.
fn matches(binding: &AclBinding, (principal, host, operation, name): &Request) -> bool {
    let by_principal = binding.principal.as_str() == *principal || binding.principal.as_str() == "User:*";
    let by_host = match &*binding.host {
        "*" => true,
        block if block.contains('/') => in_block(block, host),
        one => one == *host,
    };
    let by_name = match binding.pattern_type {
        PatternType::Literal => *binding.resource_name == **name || &*binding.resource_name == "*",
        PatternType::Prefixed => name.starts_with(&*binding.resource_name),
    };
    let implied = match operation {
        AclOperation::Describe => [AclOperation::Read, AclOperation::Write, AclOperation::Delete, AclOperation::Alter]
            .contains(&binding.operation),
        AclOperation::DescribeConfigs => binding.operation == AclOperation::AlterConfigs,
        _ => false,
    };
    let by_operation = binding.operation == *operation
        || binding.operation == AclOperation::All
        || (binding.permission == AclPermission::Allow && implied);
    by_principal && by_host && by_name && by_operation
}

fn is_allowed(world: &[Grant<'_>], request: &Request) -> bool {
    let matching = |permission| {
        world.iter().any(|grant| grant.binding.permission == permission && matches(grant.binding, request))
    };
    !matching(AclPermission::Deny) && matching(AclPermission::Allow)
}

/// The numbers of the requests that a binding is about.
fn meant(binding: &AclBinding, requests: &[Request]) -> BTreeSet<usize> {
    (0..requests.len()).filter(|number| matches(binding, &requests[*number])).collect()
}

fn spelled_out_beside(wide: &AclBinding, narrow: &AclBinding) -> bool {
    // The spellings of one host.
    let host = |host: &str| match host {
        "10.0.0.1/32" => "10.0.0.1".to_owned(),
        "10.7.0.0/8" => "10.0.0.0/8".to_owned(),
        other => other.to_owned(),
    };
    let same = AclBinding { operation: narrow.operation, host: host(&wide.host).into(), ..wide.clone() };
    same == AclBinding { host: host(&narrow.host).into(), ..narrow.clone() }
        && ![AclOperation::All, narrow.operation].contains(&wide.operation)
}

/// The positions that the pairs are about.
fn positions(pairs: &[Pair], grants: &[Grant<'_>]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for pair in pairs {
        for name in &pair.operations {
            let operation = AclOperation::parse(name).expect("an operation");
            let wanted = AclBinding { operation, ..grants[pair.acl].binding.clone() };
            found.extend(grants.iter().position(|grant| *grant.binding == wanted));
        }
    }
    found
}

fn binding() -> impl Strategy<Value = AclBinding> {
    let principal = prop::sample::select(vec!["User:a", "User:b", "User:*"]);
    let permission = prop::sample::select(vec![AclPermission::Allow, AclPermission::Allow, AclPermission::Deny]);
    let pattern = prop::sample::select(vec![PatternType::Literal, PatternType::Prefixed]);
    let operation = prop::sample::select(OPERATIONS.to_vec());
    let (name, host) = (prop::sample::select(NAMES.to_vec()), prop::sample::select(HOSTS.to_vec()));
    let any_host = prop::bool::weighted(0.6);
    (principal, permission, operation, pattern, name, host, any_host).prop_map(
        |(principal, permission, operation, pattern_type, name, host, any_host)| AclBinding {
            principal: Principal::parse(principal).expect("valid"),
            permission,
            operation,
            resource_type: AclResourceType::Topic,
            pattern_type,
            resource_name: name.into(),
            host: if any_host { "*" } else { host }.into(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_an_authorizer_that_tries_every_request(
        world in prop::collection::btree_map(binding(), prop::bool::weighted(0.9), 1..9)
    ) {
        let requests = requests();
        let grants: Vec<Grant<'_>> = world.iter().map(|(binding, judged)| Grant { binding, judged: *judged }).collect();
        let meant: Vec<BTreeSet<usize>> = grants.iter().map(|grant| meant(grant.binding, &requests)).collect();
        let overlap = overlap::of(&grants, &Index::of(&grants, AclPermission::Allow));
        let (redundant, denied) = (positions(&overlap.redundant, &grants), positions(&overlap.denied, &grants));
        let idle = idle::denies(&grants, None);
        for (position, grant) in grants.iter().enumerate() {
            let binding = grant.binding;
            let all = &grants;
            let others = |permission| {
                (0..all.len()).filter(move |other| all[*other].judged && all[*other].binding.permission == permission)
            };
            let is_judged_allow = grant.judged && binding.permission == AclPermission::Allow;

            let covered = is_judged_allow
                && others(AclPermission::Allow).any(|other| {
                    other != position
                        && meant[position].is_subset(&meant[other])
                        && !(meant[position] == meant[other] && position < other)
                        && !spelled_out_beside(grants[other].binding, binding)
                });
            prop_assert_eq!(redundant.contains(&position), covered, "redundant {:?}", binding);

            let named: BTreeSet<usize> = meant[position]
                .iter()
                .copied()
                .filter(|number| [requests[*number].2, AclOperation::All].contains(&binding.operation))
                .collect();
            let shadowed = is_judged_allow && others(AclPermission::Deny).any(|other| named.is_subset(&meant[other]));
            prop_assert_eq!(denied.contains(&position), shadowed, "denied {:?}", binding);

            let takes_nothing = grant.judged
                && binding.permission == AclPermission::Deny
                && (0..grants.len()).all(|other| {
                    grants[other].binding.permission == AclPermission::Deny || meant[other].is_disjoint(&meant[position])
                });
            prop_assert_eq!(idle.contains(&position), takes_nothing, "idle {:?}", binding);

            // What the verdicts are for: nobody loses or gains anything.
            let without: Vec<Grant<'_>> =
                grants.iter().enumerate().filter(|(other, _)| *other != position).map(|(_, grant)| *grant).collect();
            if covered || takes_nothing {
                for request in &requests {
                    prop_assert_eq!(is_allowed(&grants, request), is_allowed(&without, request), "{:?}", request);
                }
            }
            if shadowed {
                prop_assert!(named.iter().all(|number| !is_allowed(&grants, &requests[*number])));
            }
        }
    }
}
