//! The environment's variables, without those that no model can mean.

use crate::environment::Environment;

/// What shells, terminals, sessions, git, pre-commit, make and runners of CI set anew for each call.
const NAMES: &[&str] = &[
    "_",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "EDITOR",
    "FORCE_COLOR",
    "GDMSESSION",
    "GPG_TTY",
    "HISTCONTROL",
    "HISTFILE",
    "HISTSIZE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LESS",
    "LESSCLOSE",
    "LESSOPEN",
    "LINES",
    "LS_COLORS",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "MAKE_TERMERR",
    "MAKE_TERMOUT",
    "MFLAGS",
    "NO_COLOR",
    "OLDPWD",
    "PAGER",
    "PRE_COMMIT",
    "PROMPT_COMMAND",
    "PS1",
    "PS2",
    "PWD",
    "SHLVL",
    "STY",
    "TERM",
    "TERMINFO",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID",
    "TMUX",
    "TMUX_PANE",
    "VISUAL",
    "WAYLAND_DISPLAY",
    "WINDOW",
    "WINDOWID",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
    "XDG_VTNR",
];
const BEGINNINGS: &[&str] =
    &["GIT_", "GITHUB_", "ITERM_", "KITTY_", "PRE_COMMIT_", "RUNNER_", "SHED_", "SSH_", "VSCODE_", "VTE_"];

/// Name and value of all that count, as they are in the process.
pub fn that_count(environment: &Environment) -> Vec<(String, String)> {
    let text = |text: &std::ffi::OsStr| format!("{text:?}");
    let counts = |name: &str| !NAMES.contains(&name) && !BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    environment
        .iter()
        .filter(|(name, _)| name.to_str().is_none_or(counts))
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_new_with_every_call_does_not_count_and_all_else_does() {
        let of = |variables: &[(&str, &str)]| that_count(&Environment::of(variables, Path::new("/")));
        let plain = of(&[("TENANT", "a"), ("PATH", "/bin")]);
        assert_eq!(plain.len(), 2);
        let call = [("TENANT", "a"), ("PATH", "/bin"), ("GIT_INDEX_FILE", "x"), ("SHLVL", "2"), ("_", "/bin/shed")];
        assert_eq!(of(&call), plain);
        assert_ne!(of(&[("TENANT", "b"), ("PATH", "/bin")]), plain);
        assert_ne!(of(&[("TENANT", "a")]), plain);
    }
}
