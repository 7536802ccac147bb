REVOKE EXECUTE ON FUNCTION audit.own_key() FROM mnemograph_memory;
DROP TABLE memory.user_voice_settings;
DROP TABLE memory.voice_processing_logs;
DROP TABLE memory.voice_samples;
