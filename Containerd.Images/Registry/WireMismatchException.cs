namespace Containerd.Images;

/// <summary>The server speaks TLS where plain HTTP was spoken to it, or the reverse.</summary>
internal sealed class WireMismatchException(bool speaksTls)
    : IOException(speaksTls ? "The server speaks TLS." : "The server speaks plain HTTP.")
{
    public bool SpeaksTls => speaksTls;
}
