//! `flott savepoint`: saves a running job in a folder of its own.

use serde_json::json;

use super::args::SavepointArgs;
use super::launch::quoted;
use super::screen::Screen;
use super::{asks, print, state};

pub fn savepoint(args: &SavepointArgs) -> u8 {
    let to = match asks::folder(args.to.as_deref()) {
        Ok(to) => to,
        Err(error) => return Screen::plain().refuse(&error),
    };
    asks::ask(&args.job, "/v1/savepoints", &json!({ "targetDirectory": to }), |screen, job, answer| {
        let path = answer["path"].as_str().unwrap_or_default();
        print(&format!("{path}\n"));
        let resume = format!("flott resume {}{}", quoted(path), state::typed(&args.job.state));
        screen.line(&format!("flott: savepoint of {}; to go on from it: {resume}", job.name));
        Ok(())
    })
}
