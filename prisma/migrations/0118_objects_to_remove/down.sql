DROP TABLE memory.objects_to_remove;
