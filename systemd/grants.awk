# SPDX-License-Identifier: Apache-2.0
# The SQL of README.md's section on roles, its text as comments.
/^### / { on = /^### Roles/; next }
/^## / { on = 0 }
!on { next }
/^```/ { sql = !sql; next }
sql || /^$/ { print; next }
{ print "-- " $0 }
