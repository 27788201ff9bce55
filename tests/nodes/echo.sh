#!/bin/sh
# Echoes what clients say, by Maelstrom's protocol.
while read -r line; do
  field() { printf %s "$line" | sed -n "s/.*\"$1\": *\"*\([^\",}]*\).*/\1/p"; }
  kind=$(printf %s "$line" | sed -n 's/.*"type": *"\([a-z]*\)".*/\1/p')
  more=
  [ "$kind" = init ] && me=$(field node_id)
  [ "$kind" = echo ] && more=", \"echo\": \"$(printf %s "$line" |
    sed -n 's/.*"echo": *"\([^"]*\)", "msg.*/\1/p')\""
  printf '{"src": "%s", "dest": "%s", "body": {"type": "%s_ok", "in_reply_to": %s%s}}\n' \
    "$me" "$(field src)" "$kind" "$(field msg_id)" "$more"
done
