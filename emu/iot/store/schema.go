package store

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations lead from one version of the schema to the next. They are never
// changed, only added to. Times are nanoseconds since 1970, 0 for never.
var migrations = []string{`
create table accounts(
	id integer primary key, name text not null unique, password text not null, created integer not null);
create table sessions(
	hash blob primary key, account integer not null references accounts on delete cascade, csrf text not null, expires integer not null
) without rowid;
create table tokens(
	id integer primary key, account integer not null references accounts on delete cascade, name text not null,
	hash blob not null unique, created integer not null, last_used integer not null default 0);
create index tokens_account on tokens(account);

create table projects(
	id integer primary key autoincrement, account integer not null references accounts on delete cascade, name text not null,
	description text not null, key text not null unique, hidden integer not null default 0, comparator text not null default '',
	created integer not null);
create index projects_account on projects(account);

create table devices(
	id integer primary key autoincrement, project integer not null references projects on delete cascade,
	identity text not null, key text not null unique, name text not null default '',
	version text not null default '', firmware_name text not null default '', core text not null default '',
	forbidden integer not null default 0, banned integer not null default 0,
	last_online integer not null default 0, created integer not null,
	last_sent integer not null default 0, latest integer not null default 0);
create index devices_project on devices(project);
create table requests(device integer not null references devices on delete cascade, at integer not null);
create index requests_device on requests(device, at);

create table firmware(
	id integer primary key autoincrement, project integer not null references projects on delete cascade,
	name text not null, remark text not null, version text not null, core text not null, file_name text not null,
	size integer not null, sha256 text not null, allow integer not null, everybody integer not null, created integer not null,
	core_id integer not null, script_version text not null);
create index firmware_project on firmware(project);
create index firmware_file on firmware(sha256);
create table firmware_devices(
	firmware integer not null references firmware on delete cascade, key text not null, identity text not null,
	primary key(firmware, key)
) without rowid;

create table deliveries(
	id integer primary key, device integer not null, identity text not null,
	project integer not null references projects on delete cascade, firmware integer not null,
	from_version text not null, from_core text not null, to_version text not null, to_core text not null, at integer not null,
	whole integer not null default 0, counted integer not null default 1, outcome text not null, settled integer not null default 0,
	rollout integer not null default 0, grp integer not null default 0, serial text);
create index deliveries_device on deliveries(device, at);
create index deliveries_project on deliveries(project);
create index deliveries_firmware on deliveries(firmware);
create index deliveries_rollout on deliveries(rollout) where rollout <> 0;
create unique index deliveries_serial on deliveries(serial) where serial is not null;
create index deliveries_open on deliveries(at) where outcome = 'open';

create table rollouts(
	id integer primary key autoincrement, project integer not null references projects on delete cascade,
	firmware integer not null, silent_after integer not null, body text not null);
create index rollouts_project on rollouts(project);
create index rollouts_firmware on rollouts(firmware);
create table rollout_counts(
	rollout integer not null references rollouts on delete cascade, grp integer not null, outcome text not null, n integer not null,
	primary key(rollout, grp, outcome)
) without rowid;

create table bases(
	id integer primary key autoincrement, project integer not null references projects on delete cascade,
	name text not null, core text not null, chip text not null, file_name text not null, size integer not null,
	sha256 text not null, created integer not null);
create index bases_project on bases(project);
create index bases_file on bases(sha256);
create table jobs(
	id integer primary key autoincrement, firmware integer not null references firmware on delete cascade,
	base integer not null, core text not null, started integer not null, ready integer not null, state text not null,
	error text not null default '', size integer not null default 0, sha256 text not null default '',
	unique(firmware, core));
create index jobs_file on jobs(sha256);

create table log(
	id integer primary key, time integer not null, account integer not null, project integer not null,
	identity text not null, key text not null, firmware_name text not null, device_version text not null,
	server_version text not null, url text not null, reason text not null, status integer not null, result text not null,
	path text not null);
create index log_account on log(account, id);
create index log_key on log(account, key, id);

create table webhooks(
	id integer primary key autoincrement, account integer not null references accounts on delete cascade,
	url text not null, events text not null, secret text not null, created integer not null);
create index webhooks_account on webhooks(account);
create table webhook_calls(
	id integer primary key, webhook integer not null references webhooks on delete cascade, event text not null,
	tries integer not null default 0, done integer not null default 0, gave_up integer not null default 0,
	status integer not null default 0, error text not null default '', next_try integer not null);
create index webhook_calls_due on webhook_calls(next_try) where done = 0 and gave_up = 0;
create index webhook_calls_webhook on webhook_calls(webhook, id);

create table audit(
	id integer primary key, account integer not null, time integer not null, actor text not null,
	action text not null, object integer not null, detail text not null);
create index audit_account on audit(account, id);
`, `
-- New rows of the log then go into few pages of the index; see logOfKey.
drop index log_key;
create index log_key on log(account, id / 1024, key);
create table settings(id integer primary key check(id = 1), body text not null);
`, `
-- The log's index takes 1024 rows at a time, paths share texts, and devices are
-- in the log until their rows say when they were last online.
drop index log_key;
create table log_keys(
	block integer not null, account integer not null, key text not null, id integer not null,
	primary key(block, account, key, id)
) without rowid;
insert into log_keys select id / 1024, account, key, id from log where id / 1024 < (select max(id) / 1024 from log) order by 1, 2, 3, 4;
create table texts(id integer primary key, text text not null unique);
alter table log add column device integer not null default 0;
create table online(log integer not null);
insert into online select coalesce(max(id), 0) from log;
`, `
-- Requests without identity, and those that nobody owns, are apart from the log;
-- see stray.
create table strays(
	id integer primary key, account integer not null, n integer not null, after integer not null,
	time integer not null, project integer not null,
	identity text not null, key text not null, firmware_name text not null, device_version text not null,
	server_version text not null, url text not null, reason text not null, status integer not null, result text not null,
	path text not null, unique(account, n));
`, `
-- How many rows of the log a block has of each account, project and result, and
-- of which time; see spans.
create table log_blocks(
	account integer not null, block integer not null, project integer not null, reason text not null,
	n integer not null, first integer not null, last integer not null,
	primary key(account, block, project, reason)
) without rowid;
create index log_blocks_block on log_blocks(block);
insert into log_blocks select account, id / 1024, project, reason, count(*), min(time), max(time) from log
	where id / 1024 <= (select max(block) from log_keys) group by 1, 2, 3, 4;
`, `
-- Webhooks are called one by one.
drop index webhook_calls_due;
create index webhook_calls_open on webhook_calls(webhook, next_try) where done = 0 and gave_up = 0;
`}

// migrate brings the database to the newest schema, each step in a transaction.
func migrate(ctx context.Context, c *sql.Conn) error {
	var have int
	if err := c.QueryRowContext(ctx, "pragma user_version").Scan(&have); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > len(migrations) {
		return fmt.Errorf("the database has schema %d, this program knows up to %d: use a newer one", have, len(migrations))
	}
	for i := have; i < len(migrations); i++ {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("migrate to schema %d: %w", i+1, err)
		}
		_, err = tx.ExecContext(ctx, migrations[i])
		if err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("pragma user_version = %d", i+1))
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			tx.Rollback()
			return fmt.Errorf("migrate to schema %d: %w", i+1, err)
		}
	}
	return nil
}
