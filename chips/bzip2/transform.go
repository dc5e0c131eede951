package bzip2

import (
	"encoding/binary"
	"slices"
)

// transform is the Burrows-Wheeler transform: the last column of the sorted
// rotations of p, and the row of p itself. Rotations are sorted by their first
// eight bytes, then those that are still equal by twice as many in every round
// (Larsson and Sadakane, 2007).
func transform(p []byte) (last []byte, orig int) {
	n := len(p)
	order, rank := sortByKey(p)
	for k := 8; k < n; k *= 2 {
		if !refineOrder(order, rank, k) {
			break
		}
	}
	// Rotations that are equal for ever stay in the order of their places.
	last = make([]byte, n)
	for row, at := range order {
		if at == 0 {
			orig = row
			at = int32(n)
		}
		last[row] = p[at-1]
	}
	return last, orig
}

// sortByKey sorts the rotations of p by their first eight bytes. Rank is the
// row of the last rotation that is equal so far.
func sortByKey(p []byte) (order, rank []int32) {
	n := len(p)
	round := slices.Clone(p)
	for len(round) < n+8 {
		round = append(round, p[:min(n, n+8-len(round))]...)
	}
	keys := make([]uint64, n)
	order, next := make([]int32, n), make([]int32, n)
	for i := range order {
		order[i], keys[i] = int32(i), binary.BigEndian.Uint64(round[i:])
	}
	// All eight passes count the same bytes.
	var starts [256]int32
	for _, b := range p {
		starts[b]++
	}
	sum := int32(0)
	for b, c := range starts {
		starts[b], sum = sum, sum+c
	}
	for shift := 0; shift < 64; shift += 8 {
		at := starts
		for _, i := range order {
			b := byte(keys[i] >> shift)
			next[at[b]] = i
			at[b]++
		}
		order, next = next, order
	}
	rank = next
	row := int32(n - 1)
	for i := n - 1; i >= 0; i-- {
		if i < n-1 && keys[order[i]] != keys[order[i+1]] {
			row = int32(i)
		}
		rank[order[i]] = row
	}
	return order, rank
}

// refineOrder sorts rotations that are equal in their first k bytes by the
// next k, and reports whether some are still equal.
func refineOrder(order, rank []int32, k int) bool {
	n := len(order)
	type entry struct{ key, at int32 }
	var group []entry
	var changed []entry
	left := false
	for from := 0; from < n; {
		to := int(rank[order[from]]) + 1
		if to-from == 1 {
			from = to
			continue
		}
		group = group[:0]
		for _, at := range order[from:to] {
			j := int(at) + k
			for j >= n {
				j -= n
			}
			group = append(group, entry{rank[j], at})
		}
		slices.SortFunc(group, func(a, b entry) int {
			if a.key != b.key {
				return int(a.key) - int(b.key)
			}
			return int(a.at) - int(b.at)
		})
		row := int32(to - 1)
		for i := len(group) - 1; i >= 0; i-- {
			if i < len(group)-1 && group[i].key != group[i+1].key {
				row = int32(from + i)
			} else if i < len(group)-1 {
				left = true
			}
			order[from+i] = group[i].at
			changed = append(changed, entry{row, group[i].at})
		}
		from = to
	}
	// Ranks change together: keys of this round must be of the last one.
	for _, e := range changed {
		rank[e.at] = e.key
	}
	return left
}
