//! Pull requests at a real Gitea, with an agent that applies to a real Kafka.

use std::path::Path;
use std::time::Duration;

use driftless::ports::{Access, Cluster};
use serde_json::json;

use super::forge_life::{Place, World, topic};
use crate::kafka_support::connect;
use crate::support::brokers::{self, Client, KafkaEnv, KafkaVersion, unique_name};
use crate::support::gitea::Gitea;

struct Real {
    gitea: Gitea,
    kafka: KafkaEnv,
}

impl Real {
    async fn world() -> Option<World<Self>> {
        let kafka = brokers::kafka(KafkaVersion::V4)?;
        let gitea = Gitea::new().await?;
        Some(World::new(Self { gitea, kafka }))
    }
}

impl Place for Real {
    fn settings(&self, directory: &Path) -> String {
        let Self { gitea, kafka } = self;
        std::fs::write(directory.join("token"), &gitea.bot.token).expect("written");
        format!(
            "source: {{url: '{}', interval: 1s, auth: {{username: {}, passwordFile: token}}}}
cluster: {{propertiesFile: '{}'}}
forge: {{type: gitea, apiUrl: '{}', repository: {}/kafka, tokenFile: token, interval: 1s}}",
            gitea.clone_url(),
            gitea.bot.name,
            kafka.properties(Client::Admin).display(),
            gitea.api_url(),
            gitea.organisation,
        )
    }

    fn cluster(&self) -> Box<dyn Cluster> {
        Box::new(connect(&self.kafka, Client::Admin, Access::ReadOnly))
    }

    async fn push(&self, clone: &Path, branch: &str) {
        self.gitea.push(clone, branch);
    }

    async fn open(&self, branch: &str, title: &str) -> u64 {
        self.gitea.open(branch, title).await
    }

    async fn merge(&self, _clone: &Path, number: u64) -> Option<String> {
        if self.gitea.merge(number).await != 200 {
            return None;
        }
        let pull = self.gitea.get(&format!("/pulls/{number}")).await;
        Some(pull["merge_commit_sha"].as_str().expect("merged").to_owned())
    }

    async fn status(&self, revision: &str, context: &str) -> Option<(String, String)> {
        self.gitea.status(revision, context).await
    }

    async fn comments(&self, number: u64) -> Vec<String> {
        let comments = self.gitea.comments(number).await;
        comments.into_iter().filter(|(who, _)| *who == self.gitea.bot.name).map(|(_, text)| text).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_life_of_a_pull_request() {
    let Some(mut world) = Real::world().await else { return };
    let orders = unique_name("orders");
    world.begin(&orders).await;
    let protection = json!({
        "rule_name": "main", "enable_push": false,
        "enable_status_check": true, "status_check_contexts": ["driftless/plan/prod"]
    });
    let path = world.place.gitea.repository("/branch_protections");
    world.place.gitea.administer("POST", &path, protection).await;
    let life = world.live(&orders).await;

    // And then nothing more is written.
    let comments = format!("/issues/{}/comments", life.number);
    let before = world.place.gitea.get(&comments).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.place.gitea.get(&comments).await, before);
    assert_eq!(before.as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_pull_request_changes_nothing_for_another_one() {
    let Some(mut world) = Real::world().await else { return };
    world.begin(&unique_name("orders")).await;
    world.start_agent("");
    world.branch("large");
    std::fs::write(world.clone().join("large.bin"), vec![0; 100 << 20]).expect("written");
    std::os::unix::fs::symlink("/etc", world.clone().join("base/etc")).expect("linked");
    let evil = [(".gitattributes", "* filter=evil merge=evil\n"), ("dev/b.yaml", &*topic("dev-too", 3, 1))];
    let large = world.push("large", &evil).await;
    world.branch("elsewhere");
    let others = [("dev/a.yaml", &*topic("dev-only", 3, 2)), ("agent.yaml", "environment: dev\n")];
    let elsewhere = world.push("elsewhere", &others).await;
    world.branch("small");
    let name = unique_name("small");
    let small = world.push("small", &[("base/small.yaml", &topic(&name, 3, 1))]).await;
    let hostile = world.place.open("large", "large").await;
    let other = world.place.open("elsewhere", "another environment").await;
    let honest = world.place.open("small", "small").await;

    assert_eq!(
        world.status_becomes(&small, "plan", "success").await,
        "1 to create, 0 to update, 0 to delete, 0 held, 0 blocked"
    );
    assert!(world.plan_comment(honest).await.contains(&name));
    // The link out of the repository is a file that cannot be read.
    world.status_becomes(&large, "plan", "failure").await;
    let comment = world.plan_comment(hostile).await;
    assert!(comment.contains("base/etc") && !comment.contains("root:"), "{comment}");
    let description = world.status_becomes(&elsewhere, "plan", "success").await;
    assert_eq!(description, "Merging this does not change the environment.");
    assert_eq!(world.comment(other, "plan").await, None);
}
