//! `flott stop`: ends a running job in order.

use serde_json::json;

use super::args::StopArgs;
use super::launch::quoted;
use super::screen::Screen;
use super::{asks, print, state};
use crate::checkpoint::home::Checkpoint;

pub fn stop(args: &StopArgs) -> u8 {
    let to = match asks::folder(args.savepoint.as_ref().and_then(|to| to.as_deref())) {
        Ok(to) => to,
        Err(error) => return Screen::plain().refuse(&error),
    };
    let wanted = args.savepoint.is_some();
    let body = json!({ "savepoint": wanted, "targetDirectory": to, "drain": args.drain });
    asks::ask(&args.job, "/v1/stop", &body, |screen, job, answer| {
        asks::wait(job)?;
        let path = answer["path"].as_str().filter(|_| wanted);
        if let Some(path) = path {
            print(&format!("{path}\n"));
        }
        let place = state::typed(&args.job.state);
        let on = match path {
            Some(path) => Some(quoted(path)),
            None => Checkpoint::newest(&job.folder)?.map(|_| quoted(&job.name)),
        };
        let on = on.map(|from| format!("; to go on: flott resume {from}{place}")).unwrap_or_default();
        screen.line(&format!("flott: {} stopped{on}", job.name));
        Ok(())
    })
}
