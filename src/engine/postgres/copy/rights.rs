//! Whether owners and privileges can be copied too.

use crate::engine::postgres::Server;
use crate::engine::postgres::facts::Facts;
use crate::error::Result;

/// Owners in this database whom the role may not make owners; the first superuser's objects are in no list of owners.
const STRANGERS: &str = "select to_json(exists (select from pg_shdepend d where d.dbid = (select oid from pg_database \
     where datname = current_database()) and d.refclassid = 'pg_authid'::regclass and d.deptype = 'o' \
     and not pg_has_role(d.refobjid, 'member')) \
     or exists (select from pg_class c where c.relowner = 10 and c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') \
     and not exists (select from pg_depend e where e.objid = c.oid and e.classid = 'pg_class'::regclass and e.deptype = 'e')))";

impl Server {
    /// On the same server, where the role has the owners' rights.
    pub(super) fn keeps_rights(&self, here: &Facts, there: &Facts, aside: &Self) -> Result<bool> {
        if !here.is_same_server(there) {
            return Ok(false);
        }
        if there.superuser {
            return Ok(true);
        }
        Ok(self.user == aside.user && !self.answer_in::<bool>(&self.name, STRANGERS)?)
    }
}
