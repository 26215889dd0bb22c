//! `flott cancel`: ends a running job at once.

use serde_json::json;

use super::args::CancelArgs;
use super::launch::quoted;
use super::{asks, state};
use crate::checkpoint::home::Checkpoint;

pub fn cancel(args: &CancelArgs) -> u8 {
    asks::ask(&args.job, "/v1/cancel", &json!({}), |screen, job, _| {
        asks::wait(job)?;
        let place = state::typed(&args.job.state);
        let on = Checkpoint::newest(&job.folder)?.map(|checkpoint| {
            let number = checkpoint.number;
            format!("; to go on from checkpoint {number}: flott resume {}{place}", quoted(&job.name))
        });
        screen.line(&format!("flott: {} cancelled{}", job.name, on.unwrap_or_default()));
        Ok(())
    })
}
