DROP TABLE memory.chat_turns;
