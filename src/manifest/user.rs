//! `KafkaUser`: SCRAM credentials, ACLs and quotas of one user.

use std::collections::BTreeMap;

use crate::domain::names::{Principal, UserName};
use crate::domain::quota::{QuotaEntity, QuotaKey, QuotaName};
use crate::domain::user::{
    ITERATIONS_ANNOTATION, MECHANISMS_ANNOTATION, SCRAM_ITERATIONS, ScramMechanism, SecretReference, User,
};

use super::acl::{self, Dialect};
use super::codes::Code;
use super::fields::{Fields, choice, integer, text};
use super::header::Header;
use super::merge::Merged;
use super::node::{Node, Span};
use super::quota::{self, Limit};
use super::resources::Collector;
use super::secrets;
use super::sink::Sink;
use super::yaml::shorten;

/// How a user logs in, as far as Kafka's objects are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Authentication {
    None,
    Tls,
    Scram,
}

/// What Kafka's default of 4096 iterations is; Strimzi writes it always.
const DEFAULT_ITERATIONS: i32 = 4096;

/// The longest name that fits the common name of a certificate.
const LONGEST_TLS_NAME: usize = 64;

/// Reads a user and adds what it declares.
pub(crate) fn read(merged: &Merged, header: &Header<'_>, collector: &mut Collector) {
    let sink = &mut collector.sink;
    let Some(top) =
        Fields::open(&merged.node, "a KafkaUser", &["apiVersion", "kind", "metadata", "spec", "status"], sink)
    else {
        return;
    };
    let is_v1 = merged.api_version() == "v1";
    let allowed = ["authentication", "authorization", "quotas", "template"];
    let spec = match top.get("spec") {
        Some(spec) => {
            let Some(spec) = Fields::open(spec, "spec", &allowed, sink) else { return };
            Some(spec)
        }
        None if is_v1 => {
            top.require("spec", sink);
            return;
        }
        None => None,
    };
    let get = |key| spec.and_then(|spec| spec.get(key));
    let name = header.name;
    let read = match get("authentication") {
        Some(node) => read_authentication(node, name, sink),
        None if spec.is_some_and(|spec| spec.is_misspelt("authentication")) => None,
        None => Some((Authentication::None, None)),
    };
    let Some((authentication, password)) = read else {
        // Whose rules and limits they are is not known now, but what is wrong with them is told all the same.
        if let Some(node) = get("authorization") {
            read_authorization(node, !is_v1, sink);
        }
        if let Some(node) = get("quotas") {
            read_quotas(node, sink);
        }
        return;
    };
    if let Some(template) = get("template") {
        Fields::open_loose(template, "spec.template", sink);
    }
    let user_name = match authentication {
        Authentication::Tls => format!("CN={name}"),
        Authentication::Scram | Authentication::None => name.to_owned(),
    };
    if authentication == Authentication::Tls && name.len() > LONGEST_TLS_NAME {
        let message =
            format!("a TLS user's name holds at most {LONGEST_TLS_NAME} characters, and this one has {}", name.len());
        sink.error(Code::BadName, header.name_span, message, "use a shorter name".to_owned());
    }
    add_credentials(authentication, password, header, collector);
    let management = header.management(false);
    if let Some(rules) = get("authorization").and_then(|node| read_authorization(node, !is_v1, &mut collector.sink)) {
        acl::add_bindings(&Principal::user(&user_name), header.name_span, &rules, management, collector);
    }
    if let Some(limits) = get("quotas").map(|node| read_quotas(node, &mut collector.sink))
        && !limits.is_empty()
    {
        let entity = QuotaEntity::User(QuotaName::Named(user_name));
        quota::add(entity, limits, header, management, collector);
    }
}

type Password = (SecretReference, Span);

fn read_authentication(node: &Node, name: &str, sink: &mut Sink) -> Option<(Authentication, Option<Password>)> {
    let allowed = ["type", "password", "validityDays", "renewalDays"];
    let fields = Fields::open(node, "spec.authentication", &allowed, sink)?;
    let types =
        [("tls", Authentication::Tls), ("tls-external", Authentication::Tls), ("scram-sha-512", Authentication::Scram)];
    let kind = fields.require("type", sink).and_then(|node| choice(node, "spec.authentication.type", &types, sink));
    let days: Vec<Option<i64>> = ["validityDays", "renewalDays"]
        .iter()
        .map(|key| fields.get(key).and_then(|node| integer(node, key, 1, i64::from(i32::MAX), sink)))
        .collect();
    if let [Some(validity), Some(renewal)] = days.as_slice()
        && renewal >= validity
    {
        let message = format!("renewalDays is {renewal}, and must be less than validityDays, which is {validity}");
        sink.error(Code::OutOfBounds, node.span, message, None);
    }
    let password = match fields.get("password") {
        Some(node) => Some((read_password(node, name, sink)?, node.span)),
        None => None,
    };
    Some((kind?, password))
}

/// Reads where the password comes from. Text that stands there in clear is reported by the search for secrets.
fn read_password(node: &Node, name: &str, sink: &mut Sink) -> Option<SecretReference> {
    if secrets::is_filled_scalar(node) {
        return None;
    }
    let password = Fields::open(node, "spec.authentication.password", &["valueFrom"], sink)?;
    let what = "spec.authentication.password.valueFrom";
    let source = Fields::open(password.require("valueFrom", sink)?, what, &["secretKeyRef"], sink)?;
    let what = "spec.authentication.password.valueFrom.secretKeyRef";
    let reference = Fields::open(source.require("secretKeyRef", sink)?, what, &["name", "key", "optional"], sink)?;
    let secret_name = match reference.get("name") {
        Some(node) => secret_part(text(node, "secretKeyRef.name", sink)?, node.span, "name", sink)?,
        None => secret_part(name, node.span, "name", sink)?,
    };
    let key_node = reference.require("key", sink)?;
    let key = secret_part(text(key_node, "secretKeyRef.key", sink)?, key_node.span, "key", sink)?;
    Some(SecretReference { name: secret_name, key })
}

/// Checks a part of a reference: it becomes part of a path. Not repeated, in case that it is the secret itself.
fn secret_part(raw: &str, span: Span, what: &str, sink: &mut Sink) -> Option<String> {
    let plain = raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !plain || raw.is_empty() || raw.starts_with("..") || raw == "." {
        let message =
            format!("the secret's {what} may hold letters, digits, `.`, `_` and `-`, and cannot start with `..`");
        sink.error(Code::BadSecretReference, span, message, None);
        return None;
    }
    Some(raw.to_owned())
}

fn add_credentials(
    authentication: Authentication,
    password: Option<Password>,
    header: &Header<'_>,
    collector: &mut Collector,
) {
    let sink = &mut collector.sink;
    let Ok(name) = UserName::parse(header.name) else { return };
    if authentication != Authentication::Scram {
        for annotation in
            [MECHANISMS_ANNOTATION, ITERATIONS_ANNOTATION].iter().filter(|key| header.annotations.contains_key(**key))
        {
            let message = format!("`{annotation}` is for users with scram-sha-512 authentication");
            sink.error(
                Code::BadScramSettings,
                header.annotation_span(annotation),
                message,
                "remove the annotation".to_owned(),
            );
        }
        collector.state.users_without_credentials.insert(name);
        return;
    }
    let Some(credentials) = read_scram_settings(header, sink) else { return };
    let mut fields = BTreeMap::new();
    for mechanism in credentials.keys() {
        let span = header.annotation_span(ITERATIONS_ANNOTATION);
        fields.insert(format!("scram.{mechanism}.iterations"), sink.location(span));
    }
    let password = match password {
        Some((reference, span)) => {
            fields.insert("password".to_owned(), sink.location(span));
            reference
        }
        // Strimzi makes a secret of the user's name when the manifest refers to none.
        None => match secret_part(header.name, header.name_span, "name", sink) {
            Some(secret_name) => SecretReference { name: secret_name, key: "password".to_owned() },
            None => return,
        },
    };
    let user = User { name: name.clone(), credentials, password };
    let declared = header.declare(user, header.name_span, header.management(false), fields, sink);
    collector.state.users.insert(name, declared);
}

fn read_scram_settings(header: &Header<'_>, sink: &mut Sink) -> Option<BTreeMap<ScramMechanism, i32>> {
    let raw_mechanisms = header.annotations.get(MECHANISMS_ANNOTATION).map_or("SCRAM-SHA-512", String::as_str);
    let mut mechanisms = Vec::new();
    for raw in raw_mechanisms.split(',').map(str::trim) {
        match ScramMechanism::parse(raw) {
            Some(mechanism) => mechanisms.push(mechanism),
            None => {
                let message = format!("`{}` is not a SCRAM mechanism of Kafka", shorten(raw));
                let help = "they are SCRAM-SHA-256 and SCRAM-SHA-512, with a comma between".to_owned();
                sink.error(Code::BadScramSettings, header.annotation_span(MECHANISMS_ANNOTATION), message, help);
                return None;
            }
        }
    }
    let credentials = match header.annotations.get(ITERATIONS_ANNOTATION) {
        None => Some(mechanisms.into_iter().map(|mechanism| (mechanism, DEFAULT_ITERATIONS)).collect()),
        Some(raw) => iterations_of(&mechanisms, raw),
    };
    if credentials.is_none() {
        let (low, high) = (SCRAM_ITERATIONS.start(), SCRAM_ITERATIONS.end());
        let raw = header.annotations.get(ITERATIONS_ANNOTATION).map_or("", String::as_str);
        let message = format!("SCRAM iterations must be {low} to {high}, and not `{}`", shorten(raw));
        let help = "write one number, or one for each mechanism: `SCRAM-SHA-256=4096,SCRAM-SHA-512=8192`".to_owned();
        sink.error(Code::BadScramSettings, header.annotation_span(ITERATIONS_ANNOTATION), message, help);
    }
    credentials
}

/// Reads one iteration count for all mechanisms, or exactly one for each: `SCRAM-SHA-256=4096,SCRAM-SHA-512=8192`.
fn iterations_of(mechanisms: &[ScramMechanism], raw: &str) -> Option<BTreeMap<ScramMechanism, i32>> {
    let count = |text: &str| text.trim().parse::<i32>().ok().filter(|value| SCRAM_ITERATIONS.contains(value));
    if !raw.contains('=') {
        let iterations = count(raw)?;
        return Some(mechanisms.iter().map(|mechanism| (*mechanism, iterations)).collect());
    }
    let mut credentials = BTreeMap::new();
    for part in raw.split(',') {
        let (name, iterations) = part.split_once('=')?;
        let mechanism = ScramMechanism::parse(name.trim()).filter(|mechanism| mechanisms.contains(mechanism))?;
        if credentials.insert(mechanism, count(iterations)?).is_some() {
            return None;
        }
    }
    mechanisms.iter().all(|mechanism| credentials.contains_key(mechanism)).then_some(credentials)
}

fn read_authorization(node: &Node, singular_operation: bool, sink: &mut Sink) -> Option<Vec<acl::AclRule>> {
    let fields = Fields::open(node, "spec.authorization", &["type", "acls"], sink)?;
    let types = [("simple", ())];
    let kind = fields.require("type", sink).and_then(|node| choice(node, "spec.authorization.type", &types, sink));
    // What is wrong with the rules is told whatever the type is.
    let dialect = Dialect::Strimzi { singular_operation };
    let rules =
        fields.require("acls", sink).map(|acls| acl::read_rules(acls, "spec.authorization.acls", dialect, sink));
    kind.and(rules)
}

/// Strimzi's schema: whole numbers of Java's `Integer`, and any number for mutations.
fn read_quotas(node: &Node, sink: &mut Sink) -> BTreeMap<QuotaKey, Limit> {
    let keys = &QuotaKey::ALL[..4];
    let names: Vec<&str> = keys.iter().map(|key| key.manifest_key()).collect();
    let Some(fields) = Fields::open(node, "spec.quotas", &names, sink) else { return BTreeMap::new() };
    let mut limits = BTreeMap::new();
    for key in keys {
        let Some(node) = fields.get(key.manifest_key()) else { continue };
        let limit = match key {
            QuotaKey::ControllerMutationRate => quota::read_number(node, *key, sink),
            QuotaKey::ProducerByteRate
            | QuotaKey::ConsumerByteRate
            | QuotaKey::RequestPercentage
            | QuotaKey::ConnectionCreationRate => quota::read_whole(node, *key, i64::from(i32::MAX), sink),
        };
        if let Some(limit) = limit {
            limits.insert(*key, limit);
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_are_one_number_or_one_for_each_mechanism() {
        let both = ScramMechanism::ALL;
        let [sha256, sha512] = both;
        let read = |raw| iterations_of(&both, raw);
        assert_eq!(read(" 8192 "), Some(BTreeMap::from([(sha256, 8192), (sha512, 8192)])));
        assert_eq!(
            read("SCRAM-SHA-512=8192, SCRAM-SHA-256=4096"),
            Some(BTreeMap::from([(sha256, 4096), (sha512, 8192)]))
        );
        for bad in [
            "",
            "4095",
            "many",
            "SCRAM-SHA-256=4096",
            "SCRAM-SHA-256=4096,SCRAM-SHA-256=4096,SCRAM-SHA-512=4096",
            "SCRAM-SHA-256=1,SCRAM-SHA-512=4096",
            "SCRAM-SHA-1=4096,SCRAM-SHA-256=4096,SCRAM-SHA-512=4096",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(iterations_of(&[sha256], "SCRAM-SHA-256=4096,SCRAM-SHA-512=4096"), None);
    }
}
