//! What a server says of itself, of the role that asks, and of one of its databases.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::engine::Identity;
use crate::error::{Error, Result};

use super::{Server, identifier, literal};

/// The server, and the role that asks.
#[derive(Debug, Clone, Deserialize)]
pub struct Facts {
    /// The major version.
    pub major: u32,
    pub superuser: bool,
    pub createdb: bool,
    /// The cluster's identifier, where it may be asked.
    pub system: Option<String>,
    /// When this server was started: a standby has its primary's identifier.
    pub started: String,
    /// The database of the connection, where it is there.
    pub database: Option<Described>,
}

/// One database.
#[derive(Debug, Clone, Deserialize)]
pub struct Described {
    pub owner: String,
    /// Whether the role may rename and close it.
    pub owned: bool,
    pub encoding: String,
    pub tablespace: String,
    /// Its row of `pg_database`: the columns differ from version to version.
    row: Value,
}

impl Server {
    pub(super) fn facts(&self) -> Result<Facts> {
        let name = literal(&self.name);
        self.answer(&format!(
            "select json_build_object('major', current_setting('server_version_num')::int / 10000, \
             'superuser', r.rolsuper, 'createdb', r.rolcreatedb or r.rolsuper, \
             'system', case when has_function_privilege('pg_control_system()', 'execute') \
             then (select system_identifier::text from pg_control_system()) end, \
             'started', pg_postmaster_start_time()::text, \
             'database', (select json_build_object('owner', pg_get_userbyid(d.datdba), \
             'owned', pg_has_role(d.datdba, 'usage'), \
             'encoding', pg_encoding_to_char(d.encoding), 'tablespace', t.spcname, 'row', to_jsonb(d)) \
             from pg_database d join pg_tablespace t on t.oid = d.dattablespace where d.datname = {name})) \
             from pg_roles r where r.rolname = current_user"
        ))
    }

    pub fn major(&self) -> Result<u32> {
        Ok(self.facts()?.major)
    }

    /// A name for this database that stays: the cluster's identifier, where it may be asked, and its own.
    pub fn lasting_name(&self) -> Result<String> {
        Ok(self.lasting_name_on(self.facts()?.system.as_deref()))
    }

    /// As [`Server::lasting_name`], with what is known of the cluster.
    pub fn lasting_name_on(&self, system: Option<&str>) -> String {
        let server = match (system, self.identity()) {
            (Some(system), _) => system.to_owned(),
            (None, Identity::Server { host, port, .. }) => format!("{host}:{port}"),
            (None, _) => self.place(),
        };
        format!("{server}-{}", self.name)
    }

    /// Under whatever host and port: a standby is its primary's database too.
    pub fn is_same_database(&self, other: &Self) -> Result<bool> {
        if self.name != other.name || self.identity() == other.identity() {
            return Ok(self.identity() == other.identity());
        }
        let (here, there) = (self.facts()?, other.facts()?);
        Ok(here.system.is_some() && here.system == there.system)
    }

    pub fn is_on_server_of(&self, other: &Self) -> Result<bool> {
        Ok(self.facts()?.is_same_server(&other.facts()?))
    }

    pub(super) fn answer_in<T: DeserializeOwned>(&self, database: &str, query: &str) -> Result<T> {
        self.read_answer(&self.ask_in(database, query)?)
    }

    pub(super) fn read_answer<T: DeserializeOwned>(&self, said: &str) -> Result<T> {
        serde_json::from_str(said.trim())
            .map_err(|error| Error::database(format!("{}: the answer cannot be read: {error}", self.place())))
    }
}

impl Facts {
    /// Whether both are the same running server.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.system.is_some() && self.system == other.system && self.started == other.started
    }
}

impl Described {
    /// Whether both keep text alike.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.shape() == other.shape()
    }

    /// What `CREATE DATABASE` says so that text is kept and sorted as here.
    pub fn shape(&self) -> String {
        let mut shape = format!(
            "encoding {} lc_collate {} lc_ctype {}",
            literal(&self.encoding),
            literal(&self.column("datcollate").unwrap_or_default()),
            literal(&self.column("datctype").unwrap_or_default())
        );
        let locale = self.column("datlocale").or_else(|| self.column("daticulocale")).map(|locale| literal(&locale));
        match (self.column("datlocprovider").as_deref(), locale) {
            (Some("i"), Some(locale)) => shape += &format!(" locale_provider icu icu_locale {locale}"),
            (Some("b"), Some(locale)) => shape += &format!(" locale_provider builtin builtin_locale {locale}"),
            _ => {}
        }
        if let Some(rules) = self.column("daticurules") {
            shape += &format!(" icu_rules {}", literal(&rules));
        }
        shape
    }

    /// What `CREATE DATABASE` says so that it belongs and lies as here.
    pub fn belonging(&self) -> String {
        let owner = format!("owner {}", identifier(&self.owner));
        // To name the default one takes a right that nobody needs who does not name it.
        if self.tablespace == "pg_default" {
            return owner;
        }
        format!("{owner} tablespace {}", identifier(&self.tablespace))
    }

    fn column(&self, name: &str) -> Option<String> {
        self.row.get(name).and_then(Value::as_str).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(row: Value) -> Described {
        let (owner, tablespace) = ("o\"wner".into(), "pg_default".into());
        Described { owner, owned: true, encoding: "UTF8".into(), tablespace, row }
    }

    #[test]
    fn text_is_kept_alike_whatever_the_server_s_version_calls_it() {
        let old = described(serde_json::json!({"datcollate": "C", "datctype": "C"}));
        assert_eq!(old.shape(), "encoding 'UTF8' lc_collate 'C' lc_ctype 'C'");
        let row = serde_json::json!({"datcollate": "C", "datctype": "C", "datlocprovider": "i", "daticulocale": "de"});
        assert_eq!(described(row).shape(), format!("{} locale_provider icu icu_locale 'de'", old.shape()));
        let row =
            serde_json::json!({"datcollate": "C", "datctype": "C", "datlocprovider": "b", "datlocale": "C.UTF-8"});
        assert_eq!(described(row).shape(), format!("{} locale_provider builtin builtin_locale 'C.UTF-8'", old.shape()));
        assert_eq!(old.belonging(), "owner \"o\"\"wner\"");
        let elsewhere = Described { tablespace: "fast".into(), ..old };
        assert_eq!(elsewhere.belonging(), "owner \"o\"\"wner\" tablespace \"fast\"");
    }
}
