-- Up to this row, all are classified by these rules, unless others count by now. $1 customer; $2 bounce; $3 version
update bounced.classification
   set customer_id = $1, bounce_id = $2
 where version = $3
