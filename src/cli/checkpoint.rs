//! `flott checkpoint`: a running job makes a checkpoint now.

use serde_json::json;

use super::args::CheckpointArgs;
use super::{asks, print};

pub fn checkpoint(args: &CheckpointArgs) -> u8 {
    asks::ask(&args.job, "/v1/checkpoints", &json!({}), |screen, job, answer| {
        print(&format!("{}\n", answer["path"].as_str().unwrap_or_default()));
        screen.line(&format!("flott: checkpoint {} of {}", answer["number"], job.name));
        Ok(())
    })
}
