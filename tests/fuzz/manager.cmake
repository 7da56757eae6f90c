# SPDX-License-Identifier: Apache-2.0

kata_fuzz(fuzz_report.c
	PARSES manager/report/logs.c:patterns_init,patterns_done,is_problem,is_of,problems_in manager/report/programs.c:is_wanted,wanted_of
		manager/report/show.c manager/report/html.c manager/report/markdown.c lib/redact-json.c
	LIBS kata_manager_parts)
