//! The Python side, compiled into the binary and written into each run's directory.

/// Every file of `python/shed_db/` (a test compares the list with the folder).
pub const FILES: &[(&str, &str)] = &[
    ("__init__.py", include_str!("../../python/shed_db/__init__.py")),
    ("autogenerate.py", include_str!("../../python/shed_db/autogenerate.py")),
    ("blame.py", include_str!("../../python/shed_db/blame.py")),
    ("carry.py", include_str!("../../python/shed_db/carry.py")),
    ("commands.py", include_str!("../../python/shed_db/commands.py")),
    ("database.py", include_str!("../../python/shed_db/database.py")),
    ("differences.py", include_str!("../../python/shed_db/differences.py")),
    ("drivers.py", include_str!("../../python/shed_db/drivers.py")),
    ("engine.py", include_str!("../../python/shed_db/engine.py")),
    ("env.py", include_str!("../../python/shed_db/env.py")),
    ("events.py", include_str!("../../python/shed_db/events.py")),
    ("failure.py", include_str!("../../python/shed_db/failure.py")),
    ("filters.py", include_str!("../../python/shed_db/filters.py")),
    ("foreign_keys.py", include_str!("../../python/shed_db/foreign_keys.py")),
    ("graph.py", include_str!("../../python/shed_db/graph.py")),
    ("hook.py", include_str!("../../python/shed_db/hook.py")),
    ("imports.py", include_str!("../../python/shed_db/imports.py")),
    ("logs.py", include_str!("../../python/shed_db/logs.py")),
    ("metadata.py", include_str!("../../python/shed_db/metadata.py")),
    ("models.py", include_str!("../../python/shed_db/models.py")),
    ("modules.py", include_str!("../../python/shed_db/modules.py")),
    ("own_env.py", include_str!("../../python/shed_db/own_env.py")),
    ("probe.py", include_str!("../../python/shed_db/probe.py")),
    ("progress.py", include_str!("../../python/shed_db/progress.py")),
    ("redact.py", include_str!("../../python/shed_db/redact.py")),
    ("refusal.py", include_str!("../../python/shed_db/refusal.py")),
    ("runs.py", include_str!("../../python/shed_db/runs.py")),
    ("settings.py", include_str!("../../python/shed_db/settings.py")),
    ("steps.py", include_str!("../../python/shed_db/steps.py")),
    ("url.py", include_str!("../../python/shed_db/url.py")),
    ("verify.py", include_str!("../../python/shed_db/verify.py")),
    ("versions.py", include_str!("../../python/shed_db/versions.py")),
    ("worker.py", include_str!("../../python/shed_db/worker.py")),
];

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_of_the_python_side_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/python/shed_db");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".py"))
            .collect();
        found.sort();
        let carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(carried, found);
    }
}
