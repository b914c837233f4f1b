"""What a media session is, and the engines behind one interface (`farline.media.engine`)."""
