package store

import "airlift/emu/iot"

// A log may have millions of rows, and its page counts them twice a second.
// log_blocks says of each block of rows how many of them an account, a project
// and a result have, and of which time: rows are only looked at where some are
// shown, and where a block is not wholly between two moments.

// span is a part of an account's log: the rows with these ids.
type span struct {
	from, to int64 // to is behind the last
	n        int   // rows that a filter lets through
}

const uncounted = -1

// spans are the parts of an account's log that may have rows for a filter without
// an identity, newest first, each with how many it has.
func (v *tenant) spans(f iot.LogFilter) ([]span, error) {
	var first, open int64 // ids: of the oldest row, and of the first one without a block
	err := v.s.read.QueryRow("select coalesce((select min(id) from log), 0), coalesce((select max(block) + 1 from log_keys), 0) * ?", logBlock).Scan(&first, &open)
	if err != nil {
		return nil, wrap(err)
	}
	// A block that ends meanwhile is still among the open rows.
	query, args := "select block, sum(n), min(first), max(last) from log_blocks where account = ? and block < ?", []any{v.id, open / logBlock}
	add := func(clause string, arg any) { query, args = query+" and "+clause, append(args, arg) }
	if f.Project != 0 {
		add("project = ?", f.Project)
	}
	if f.Reason != "" {
		add("reason = ?", string(f.Reason))
	}
	blocks, err := many(v.s, func(r scanner) (x span, err error) {
		var oldest, newest int64
		err = r.Scan(&x.from, &x.n, &oldest, &newest)
		x.from *= logBlock
		x.to = x.from + logBlock
		late, early := !f.To.IsZero() && newest >= nano(f.To), !f.From.IsZero() && oldest < nano(f.From)
		switch {
		case late && oldest >= nano(f.To), early && newest < nano(f.From), x.to <= first:
			x.n = 0
		case late, early, x.from < first: // only some of them, or some of them are dropped
			x.n = uncounted
		}
		return x, err
	}, query+" group by block order by block desc", args...)
	if err != nil {
		return nil, err
	}
	var list []span
	for _, x := range append([]span{{open, 1 << 62, uncounted}}, blocks...) {
		if x.n == uncounted {
			where, more := logClauses(f)
			if err := v.s.read.QueryRow("select count(*) "+fromSpan+where, append([]any{v.id, x.from, x.to}, more...)...).Scan(&x.n); err != nil {
				return nil, wrap(err)
			}
		}
		if x.n > 0 {
			list = append(list, x)
		}
	}
	return list, nil
}

// fromSpan are the rows of a span.
const fromSpan = "from log l where l.account = ? and l.id >= ? and l.id < ?"

// logPart reads a part of an account's log, with a filter that has no identity.
func (v *tenant) logPart(f iot.LogFilter, offset, limit int) (l iot.List[iot.LogEntry], err error) {
	spans, err := v.spans(f)
	if err != nil {
		return l, err
	}
	l.Items = []iot.LogEntry{} // none are none in JSON, too
	where, more := logClauses(f)
	for _, x := range spans {
		l.Total += x.n
		if left := limit - len(l.Items); left > 0 && offset < x.n {
			args := append([]any{v.id, x.from, x.to}, append(more, left, offset)...)
			rows, err := many(v.s, scanLog, "select "+logColumns+" "+fromSpan+where+" order by l.id desc limit ? offset ?", args...)
			if err != nil {
				return l, err
			}
			l.Items = append(l.Items, rows...)
		}
		offset = max(0, offset-x.n)
	}
	return l, nil
}
