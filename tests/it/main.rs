//! The integration tests, one binary: the architecture's rules, the command line, git, the real brokers and Prometheus.

mod agent_faults;
mod agent_hostile;
mod agent_http;
mod agent_loop;
mod agent_once;
mod agent_signatures;
mod agent_support;
mod architecture;
mod cli_comment;
mod cli_import;
mod cli_support;
mod cli_usage;
mod contract;
mod deploy;
mod deploy_support;
mod e2e_drift;
mod e2e_example;
mod e2e_import;
mod e2e_plans;
mod e2e_rights;
mod forge_adapters;
mod forge_fake;
mod forge_gitea;
mod forge_schema;
mod git_pull_requests;
mod git_report_branch;
mod git_servers;
mod git_source;
mod git_support;
mod honest_brokers;
mod honest_large;
mod honest_plans;
mod honest_support;
mod import_plan;
mod kafka_contract;
mod kafka_fake;
mod kafka_rights;
mod kafka_security;
mod kafka_support;
mod pass;
mod policy_mistakes;
mod policy_oracle;
mod policy_page;
mod policy_tools;
mod prometheus_rules;
mod report_schemas;
mod secrets;
mod status_page;

mod support {
    pub(crate) mod brokers;
    pub(crate) mod browser;
    pub(crate) mod facts;
    pub(crate) mod gitea;
    pub(crate) mod oracles;
    pub(crate) mod repository;
}
