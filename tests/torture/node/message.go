// SPDX-License-Identifier: Apache-2.0

// As much of the protobuf encoding as the engine's answers need: no schema, only field numbers.
package main

import "encoding/binary"

// message is fields by number, each with all its values: bytes, or the number as a varint.
type message map[int][][]byte

func parse(bytes []byte) message {
	m := message{}
	for len(bytes) > 0 {
		tag, n := binary.Uvarint(bytes)
		if n <= 0 {
			return m
		}
		bytes = bytes[n:]
		size := n
		switch tag & 7 {
		case 0:
			_, size = binary.Uvarint(bytes)
		case 2:
			length, n := binary.Uvarint(bytes)
			bytes, size = bytes[n:], int(length)
		case 1:
			size = 8
		case 5:
			size = 4
		}
		if size <= 0 && tag&7 == 0 || size > len(bytes) {
			return m
		}
		m[int(tag>>3)] = append(m[int(tag>>3)], bytes[:size])
		bytes = bytes[size:]
	}
	return m
}

func (m message) text(field int) string {
	if len(m[field]) == 0 {
		return ""
	}
	return string(m[field][0])
}

func (m message) inner(field int) message { return parse([]byte(m.text(field))) }

// text, number and inner are fields to be appended to an answer.
func text(field int, s string) []byte {
	out := binary.AppendUvarint(nil, uint64(field)<<3|2)
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func number(field int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3), value)
}

func inner(field int, parts ...[]byte) []byte { return text(field, string(join(parts...))) }

func join(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}
