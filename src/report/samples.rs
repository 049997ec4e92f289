//! Values for the tests of this module: a plan with everything in it, written by somebody who means no good.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::diagnostic::{Diagnostic, Location, Severity};
use crate::domain::observed::TopicEvidence;
use crate::domain::resource::{ResourceId, ResourceKind};
use crate::domain::user::SecretReference;
use crate::plan::apply_report::{ActionResult, ApplyReport, Outcome};
use crate::plan::types::{
    Action, ActionKind, FieldChange, FieldValue, Finding, Origin, Plan, PlanCluster, PlanSource, Preconditions, Reason,
    Risk, Status, Summary, Unknown, Waiver,
};

/// A user name that colours terminals, ends code spans, opens HTML and calls a team.
pub(super) const HOSTILE: &str = "eve\u{1b}[31m`</details><img src=x>@admins|\u{202e}\nDriftless-Plan: forged";

pub(super) fn text(value: &str) -> Option<FieldValue> {
    Some(FieldValue::Text(value.to_owned()))
}

pub(super) fn field(
    path: &str,
    applied: Option<FieldValue>,
    observed: Option<FieldValue>,
    desired: Option<FieldValue>,
) -> FieldChange {
    FieldChange { path: path.to_owned(), applied, observed, desired }
}

/// An update of config that is planned; tests change what they are about.
pub(super) fn action(resource: &str, what: ActionKind, fields: Vec<FieldChange>) -> Action {
    let id = ResourceId::parse(resource).unwrap_or_else(|| panic!("{resource} is a resource"));
    Action {
        id: format!("{resource}/{}", what.as_str()),
        kind: id.kind(),
        name: id.name(),
        action: what,
        origin: Origin::Change,
        reason: Reason::ConfigDiffers,
        risk: Risk::Low,
        status: Status::Planned,
        note: None,
        validated: false,
        pruned: false,
        fields,
        evidence: None,
        approved_by: None,
        hold: None,
        location: None,
    }
}

pub(super) fn finding(code: &str, severity: Severity) -> Finding {
    Finding {
        code: code.to_owned(),
        severity,
        resource: Some("topic/orders.v1".to_owned()),
        message: "topic `orders.v1` has replication factor 1 in its manifest, and `prod` requires at least 3"
            .to_owned(),
        location: Some(Location::new("environments/prod/topics/orders.yaml", 7, 13)),
        rule: Some("policy/replication.rego:12".to_owned()),
        help: Some("set `replicas: 3`, or add a `PolicyException`".to_owned()),
        waived: None,
    }
}

fn resource(raw: &str) -> ResourceId {
    ResourceId::parse(raw).expect("is a resource")
}

fn topics() -> Vec<Action> {
    let evidence = TopicEvidence {
        records: Some(1_234_567),
        bytes: Some(98_304),
        active_groups: Some(BTreeSet::from(["billing".to_owned()])),
    };
    vec![
        Action {
            reason: Reason::NotInCluster,
            risk: Risk::None,
            validated: true,
            location: Some(Location::new("base/topics/new.yaml", 4, 9)),
            ..action(
                "topic/new",
                ActionKind::Create,
                vec![
                    field("config.retention.ms", None, None, text("60000")),
                    field("partitions", None, None, text("12")),
                ],
            )
        },
        Action {
            origin: Origin::Drift,
            evidence: Some(evidence.clone()),
            location: Some(Location::new("base/topics/orders.yaml", 7, 5)),
            ..action(
                "topic/orders.v1",
                ActionKind::Update,
                vec![
                    field("config.retention.ms", text("604800000"), text("86400000"), text("604800000")),
                    field("config.segment.bytes", None, text("1048576"), None),
                ],
            )
        },
        Action {
            origin: Origin::Conflict,
            reason: Reason::ReplicationFactorDiffers,
            status: Status::Blocked,
            note: Some("changing the replication factor is a reassignment, which is not built yet".to_owned()),
            location: Some(Location::new("base/topics/pay.yaml", 9, 13)),
            ..action(
                "topic/payments",
                ActionKind::Update,
                vec![field("replicationFactor", text("3"), text("2"), text("4"))],
            )
        },
        Action {
            reason: Reason::RemovedFromGit,
            risk: Risk::Irreversible,
            status: Status::Held,
            pruned: true,
            evidence: Some(evidence),
            note: Some("deletes the topic with everything in it".to_owned()),
            ..action("topic/orders.v0", ActionKind::Delete, vec![])
        },
    ]
}

fn others() -> Vec<Action> {
    let secret = Some(FieldValue::Secret(Some(SecretReference { name: "team".into(), key: "password".into() })));
    let read = "acl/User:alice/allow/Read/topic/prefixed/llm-/*";
    let group = |expr: &str| {
        text(&format!(
            "{{\"rules\":[{{\"kind\":{{\"alerting\":{{\"alert\":\"Lag\",\"forMs\":60000}}}},\"expr\":\"{expr}\"}}]}}"
        ))
    };
    let hostile = resource(&format!("user/{}", HOSTILE.replace('/', "%2F"))).to_string();
    vec![
        Action {
            reason: Reason::PasswordChanged,
            location: Some(Location::new("base/users.yaml", 3, 9)),
            ..action(
                &hostile,
                ActionKind::Update,
                vec![
                    field("password", None, Some(FieldValue::Secret(None)), secret),
                    field("scram.SCRAM-SHA-512.iterations", None, text("4096"), text("8192")),
                ],
            )
        },
        Action { reason: Reason::NotInCluster, ..action(read, ActionKind::Create, vec![]) },
        Action {
            reason: Reason::NotInCluster,
            ..action("acl/User:alice/allow/Describe/topic/prefixed/llm-/*", ActionKind::Create, vec![])
        },
        Action {
            origin: Origin::Drift,
            reason: Reason::NotInGit,
            ..action("acl/User:mallory/allow/All/cluster/literal/kafka-cluster/*", ActionKind::Delete, vec![])
        },
        Action {
            origin: Origin::Drift,
            reason: Reason::QuotaDiffers,
            location: Some(Location::new("base/quotas.yaml", 4, 9)),
            ..action(
                "quota/user=alice,client-id=etl",
                ActionKind::Update,
                vec![field("producer_byte_rate", text("1048576"), text("2097152"), text("1048576"))],
            )
        },
        Action {
            reason: Reason::RulesDiffer,
            ..action(
                "rule-group/shop/kafka",
                ActionKind::Update,
                vec![field("rules", None, group("lag > 10"), group("lag > 20"))],
            )
        },
    ]
}

/// A finding that an exception waives.
pub(super) fn waived() -> Finding {
    let waiver = Waiver {
        exception: "logs-two-replicas".into(),
        reason: "not critical <b>".into(),
        expires: "2026-12-31".into(),
        days_left: Some(12),
    };
    Finding { waived: Some(waiver), ..finding("min-insync-replicas-below-minimum", Severity::Deny) }
}

/// A plan with every sort of thing in it.
pub(super) fn plan() -> Plan {
    let mut actions = topics();
    actions.extend(others());
    Plan {
        api_version: "driftless.dev/v1".into(),
        kind: "Plan".into(),
        id: "sha256:0123456789abcdef".into(),
        environment: "prod".into(),
        cluster: PlanCluster { id: "vVx3-w".into(), brokers: 3 },
        source: PlanSource { revision: Some("1a2b3c".into()), dirty: false, base: Some("9f8e7d".into()) },
        summary: Summary { create: 3, update: 4, delete: 1, held: 1, blocked: 1, unmanaged: 12 },
        preconditions: Preconditions {
            cluster_id: "vVx3-w".into(),
            topic_ids: BTreeMap::new(),
            observed_fingerprint: "sha256:ff".into(),
        },
        actions,
        adopted: vec![resource("topic/old")],
        paused: vec![resource("topic/slow")],
        unpruned: vec![],
        unmanaged: (0..12).map(|index| resource(&format!("topic/legacy-{index:02}"))).collect(),
        not_compared: vec![resource("user/bob")],
        unknown: vec![Unknown { resource: "acl".into(), reason: format!("CLUSTER_AUTHORIZATION_FAILED: {HOSTILE}") }],
        findings: vec![
            finding("replication-below-minimum", Severity::Deny),
            waived(),
            finding("approval-expired", Severity::Warn),
        ],
    }
}

/// A plan of a cluster that is what git says.
pub(super) fn plan_in_sync() -> Plan {
    Plan {
        summary: Summary::default(),
        actions: vec![],
        adopted: vec![],
        paused: vec![],
        unpruned: vec![],
        unmanaged: vec![],
        not_compared: Vec::new(),
        unknown: vec![],
        findings: vec![],
        ..plan()
    }
}

pub(super) fn apply_report() -> ApplyReport {
    let result = |id: &str, outcome| ActionResult { action_id: id.to_owned(), outcome };
    let mut results: Vec<ActionResult> =
        (0..41).map(|index| result(&format!("topic/t{index}/create"), Outcome::Applied)).collect();
    results.extend([
        result("topic/held/delete", Outcome::Skipped { status: Status::Held, reason: None }),
        result(
            "topic/wide/update",
            Outcome::Skipped { status: Status::Blocked, reason: Some("Kafka cannot take partitions away".into()) },
        ),
        result("topic/slow/create", Outcome::AppliedUnconfirmed { message: "not seen within 30 s".into() }),
        result("topic/late/create", Outcome::NotAttempted { reason: "interrupted".into() }),
        result(
            "topic/bad/create",
            Outcome::Failed { code: "INVALID_CONFIG".into(), message: format!("no {HOSTILE}"), unchanged: true },
        ),
        result(
            "topic/odd/create",
            Outcome::Failed { code: "TIMED_OUT".into(), message: "no answer".into(), unchanged: false },
        ),
    ]);
    ApplyReport { plan_id: "sha256:0123".into(), environment: "prod".into(), results, interrupted: true }
}

pub(super) fn diagnostics() -> Vec<Diagnostic> {
    vec![
        Diagnostic::error(
            "unknown-field",
            Some(Location::new("base/ü b.yaml", 3, 5)),
            "`partition` is no field of `KafkaTopic`",
        )
        .help("did you mean `partitions`?"),
        Diagnostic::warning("empty-file", Some(Location::new("base/empty.yaml", 1, 1)), "the file holds nothing"),
        Diagnostic::error("no-environments", None, format!("bad {HOSTILE}")),
    ]
}

/// The number of actions of a kind, to see that samples hold every kind they should.
#[test]
fn the_sample_plan_holds_every_sign() {
    let plan = plan();
    for kind in
        [ResourceKind::Topic, ResourceKind::User, ResourceKind::Acl, ResourceKind::Quota, ResourceKind::RuleGroup]
    {
        assert!(plan.actions.iter().any(|action| action.kind == kind), "{kind}");
    }
}
