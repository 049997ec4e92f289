//! Users and ACLs.

use super::*;

checks! {
    credentials_of_both_mechanisms_come_and_go,
    credentials_out_of_bounds_are_refused,
    a_user_is_altered_once_in_a_request,
    a_credential_needs_its_password,
    bindings_of_every_shape_come_and_go,
    a_binding_that_is_there_is_made_again_with_success,
    exactly_one_binding_is_deleted,
    impossible_bindings_are_refused,
}

fn upsert(user: &UserName, mechanism: ScramMechanism, iterations: i32) -> Operation {
    Operation::UpsertScram { user: user.clone(), mechanism, iterations, password: password() }
}

fn user_name() -> UserName {
    UserName::parse(&unique_name("CN=Ünï,OU=\"x\" *")).expect("valid")
}

async fn credentials_of_both_mechanisms_come_and_go(subject: &Subject) {
    let user = user_name();
    let has = async |expected: &[(ScramMechanism, i32)]| {
        let expected: BTreeMap<ScramMechanism, i32> = expected.iter().copied().collect();
        let users = only(BTreeSet::new(), "users");
        let holds = |state: &ObservedState| {
            let users = state.users.known().expect("known");
            users.get(&user).cloned().unwrap_or_default() == expected
        };
        subject.until(&users, user.as_str(), holds).await
    };
    subject.accept(upsert(&user, ScramMechanism::Sha256, 4096)).await;
    subject.accept(upsert(&user, ScramMechanism::Sha512, 16384)).await;
    has(&[(ScramMechanism::Sha256, 4096), (ScramMechanism::Sha512, 16384)]).await;
    subject.accept(upsert(&user, ScramMechanism::Sha256, 8192)).await;
    has(&[(ScramMechanism::Sha256, 8192), (ScramMechanism::Sha512, 16384)]).await;
    for mechanism in ScramMechanism::ALL {
        let remove = Operation::DeleteScram { user: user.clone(), mechanism };
        subject.accept(remove.clone()).await;
        subject.refuse(remove, "RESOURCE_NOT_FOUND").await;
    }
    let state = has(&[]).await;
    assert!(!state.users.known().expect("known").contains_key(&user));
}

async fn credentials_out_of_bounds_are_refused(subject: &Subject) {
    for iterations in [4095, 16385, 0, -1] {
        subject.refuse(upsert(&user_name(), ScramMechanism::Sha256, iterations), "UNACCEPTABLE_CREDENTIAL").await;
    }
}

async fn a_user_is_altered_once_in_a_request(subject: &Subject) {
    let (user, other) = (user_name(), user_name());
    let batch = [
        upsert(&user, ScramMechanism::Sha256, 4096),
        upsert(&other, ScramMechanism::Sha256, 4096),
        upsert(&user, ScramMechanism::Sha512, 4096),
    ];
    let results = subject.perform(&batch).await;
    let codes: Vec<&str> = results.iter().map(code).collect();
    // Kafka answers once for each user, so of the second one it may be all that is known that it failed.
    assert_eq!(codes[..2], ["DUPLICATE_RESOURCE", ""]);
    assert!(results[2].is_err());
    let users = only(BTreeSet::new(), "users");
    let state = subject.until(&users, "other", |state| state.users.known().expect("known").contains_key(&other)).await;
    assert!(!state.users.known().expect("known").contains_key(&user));
    subject.accept(Operation::DeleteScram { user: other, mechanism: ScramMechanism::Sha256 }).await;
}

async fn a_credential_needs_its_password(subject: &Subject) {
    let (user, other) = (user_name(), user_name());
    let missing = Operation::UpsertScram {
        user,
        mechanism: ScramMechanism::Sha512,
        iterations: 4096,
        password: SecretReference { name: "another".into(), key: "password".into() },
    };
    let results = subject.perform(&[missing, upsert(&other, ScramMechanism::Sha512, 4096)]).await;
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["SECRET_MISSING", ""]);
}

fn binding(principal: &str, resource_type: AclResourceType, name: &str, operation: AclOperation) -> AclBinding {
    AclBinding {
        principal: Principal::parse(principal).expect("valid"),
        permission: AclPermission::Allow,
        operation,
        resource_type,
        pattern_type: PatternType::Literal,
        resource_name: name.into(),
        host: "*".into(),
    }
}

fn bindings_of<'a>(state: &'a ObservedState, principal: &Principal) -> BTreeSet<&'a AclBinding> {
    state.acls.known().expect("known").iter().filter(|acl| acl.principal == *principal).collect()
}

async fn until_bindings(subject: &Subject, principal: &str, expected: &[AclBinding]) {
    let principal = Principal::parse(principal).expect("valid");
    let expected: BTreeSet<&AclBinding> = expected.iter().collect();
    let acls = only(BTreeSet::new(), "acls");
    subject.until(&acls, principal.as_str(), |state| bindings_of(state, &principal) == expected).await;
}

async fn bindings_of_every_shape_come_and_go(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let mut acls: Vec<AclBinding> = AclOperation::ALL
        .iter()
        // Since Kafka 4.1.
        .filter(|operation| **operation != AclOperation::TwoPhaseCommit)
        .map(|operation| binding(&principal, AclResourceType::Topic, "*", *operation))
        .collect();
    for resource_type in AclResourceType::ALL {
        let name = if *resource_type == AclResourceType::Cluster { "kafka-cluster" } else { "a/b: ü*" };
        let acl = binding(&principal, *resource_type, name, AclOperation::Describe);
        acls.push(AclBinding { permission: AclPermission::Deny, ..acl.clone() });
        acls.push(AclBinding { host: "10.0.0.1".into(), ..acl.clone() });
        if *resource_type != AclResourceType::Cluster {
            acls.push(AclBinding { pattern_type: PatternType::Prefixed, ..acl.clone() });
        }
        acls.push(acl);
    }
    // Neither a name nor, before Kafka 4.4, a range of addresses ever matches; both are accepted.
    acls.push(AclBinding {
        host: "10.0.0.0/8".into(),
        ..binding(&principal, AclResourceType::Group, "g", AclOperation::Write)
    });
    acls.push(AclBinding {
        host: "client.example".into(),
        ..binding(&principal, AclResourceType::Group, "g", AclOperation::Write)
    });
    let batch: Vec<Operation> = acls.iter().cloned().map(Operation::CreateAcl).collect();
    assert!(subject.perform(&batch).await.iter().all(Result::is_ok));
    until_bindings(subject, &principal, &acls).await;
    let batch: Vec<Operation> = acls.iter().cloned().map(Operation::DeleteAcl).collect();
    assert!(subject.perform(&batch).await.iter().all(Result::is_ok));
    until_bindings(subject, &principal, &[]).await;
}

async fn a_binding_that_is_there_is_made_again_with_success(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let acl = binding(&principal, AclResourceType::Topic, "t", AclOperation::Read);
    subject.accept(Operation::CreateAcl(acl.clone())).await;
    subject.accept(Operation::CreateAcl(acl.clone())).await;
    until_bindings(subject, &principal, std::slice::from_ref(&acl)).await;
    subject.accept(Operation::DeleteAcl(acl.clone())).await;
    subject.accept(Operation::DeleteAcl(acl)).await;
    until_bindings(subject, &principal, &[]).await;
}

async fn exactly_one_binding_is_deleted(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let acl = binding(&principal, AclResourceType::Topic, "t", AclOperation::Read);
    let others = [
        AclBinding { pattern_type: PatternType::Prefixed, ..acl.clone() },
        AclBinding { permission: AclPermission::Deny, ..acl.clone() },
        AclBinding { host: "10.0.0.1".into(), ..acl.clone() },
        AclBinding { resource_name: "*".into(), ..acl.clone() },
        AclBinding { resource_type: AclResourceType::Group, ..acl.clone() },
        AclBinding { operation: AclOperation::All, ..acl.clone() },
    ];
    let batch: Vec<Operation> = others.iter().chain([&acl]).cloned().map(Operation::CreateAcl).collect();
    assert!(subject.perform(&batch).await.iter().all(Result::is_ok));
    subject.accept(Operation::DeleteAcl(acl)).await;
    until_bindings(subject, &principal, &others).await;
}

async fn impossible_bindings_are_refused(subject: &Subject) {
    let principal = format!("User:{}", user_name());
    let good = binding(&principal, AclResourceType::Topic, "t", AclOperation::Read);
    let bad = [
        binding(&principal, AclResourceType::Topic, "", AclOperation::Read),
        binding(&principal, AclResourceType::Cluster, "another-cluster", AclOperation::Create),
    ];
    let batch = [
        Operation::CreateAcl(bad[0].clone()),
        Operation::CreateAcl(good.clone()),
        Operation::CreateAcl(bad[1].clone()),
    ];
    let results = subject.perform(&batch).await;
    let codes: Vec<&str> = results.iter().map(code).collect();
    assert_eq!(codes, ["INVALID_REQUEST", "", "INVALID_REQUEST"]);
    until_bindings(subject, &principal, &[good]).await;
}
