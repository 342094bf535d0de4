//! Places where a test may make shed die or fail. Release builds have none.

use crate::error::Result;

/// `SHED_FAILPOINT=name:abort` (as `kill -9`), `name:error`, `name:sleep` (a second); several with commas, `name@2:…`
/// for the second time. `SHED_FAILPOINT_LOG=FILE` gets a line for every place that is reached.
#[cfg(debug_assertions)]
pub fn reach(name: &str) -> Result<()> {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::io::Write;

    use crate::error::Error;

    thread_local! {
        static REACHED: RefCell<HashMap<String, usize>> = RefCell::default();
    }
    #[expect(clippy::disallowed_methods, reason = "tests only; handing it down would touch every function that writes")]
    let variable = |name: &str| std::env::var(name).ok();
    if let Some(path) = variable("SHED_FAILPOINT_LOG")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = writeln!(file, "{name}");
    }
    let Some(wanted) = variable("SHED_FAILPOINT") else { return Ok(()) };
    let times = REACHED.with_borrow_mut(|reached| {
        let times = reached.entry(name.to_owned()).or_default();
        *times += 1;
        *times
    });
    for (place, action) in wanted.split(',').filter_map(|point| point.split_once(':')) {
        let (place, at) = place.split_once('@').unwrap_or((place, "1"));
        if place != name || at.parse() != Ok(times) {
            continue;
        }
        match action {
            "abort" => drop(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)),
            "sleep" => std::thread::sleep(std::time::Duration::from_secs(1)),
            _ => return Err(Error::failed(format!("failpoint {name}"))),
        }
    }
    Ok(())
}

#[cfg(not(debug_assertions))]
#[inline]
pub fn reach(_name: &str) -> Result<()> {
    Ok(())
}
