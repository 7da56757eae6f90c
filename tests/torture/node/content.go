// SPDX-License-Identifier: Apache-2.0

// What is in a file of a recorded run: the pieces that were written, which all states share, and a sum of the whole that
// needs no look at them.  Files that were appended to have more states than there is memory for their texts.
package main

import (
	"math/bits"
	"slices"
	"strings"
)

// piece is a text, its sum, and what the sum of a text before it is multiplied by.
type piece struct {
	text       string
	sum, power uint64
}

type content struct {
	pieces []piece
	sum    uint64
}

// Sums are polynomials modulo a prime.
const prime, base = 1<<61 - 1, 0x1b873593cc9e2d51 % prime

func times(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	sum := low&prime + (high<<3 | low>>61)
	if sum >= prime {
		sum -= prime
	}
	return sum
}

func newPiece(text string) piece {
	p := piece{text: text, power: 1}
	for _, c := range []byte(text) {
		p.sum = (times(p.sum, base) + uint64(c) + 1) % prime
		p.power = times(p.power, base)
	}
	return p
}

func sumOf(text string) uint64 { return newPiece(text).sum }

// mix has each bit of what it is given in each of what it returns.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func contentOf(text string) content { return content{}.with(newPiece(text)) }

// with is the content with the piece behind it.
func (c content) with(p piece) content {
	if p.text == "" {
		return c
	}
	return content{append(slices.Clip(c.pieces), p), (times(c.sum, p.power) + p.sum) % prime}
}

// cut is the content without what is behind the first LENGTH bytes.
func (c content) cut(length int) content {
	var out content
	for _, p := range c.pieces {
		if len(p.text) > length {
			return out.with(newPiece(p.text[:length]))
		}
		out = out.with(p)
		length -= len(p.text)
	}
	return out
}

func (c content) text() string {
	var out strings.Builder
	for _, p := range c.pieces {
		out.WriteString(p.text)
	}
	return out.String()
}
