using System.Net;

namespace Containerd.Images;

/// <summary>A registry refused, failed or could not be reached.</summary>
public sealed class RegistryException : ContainerdException
{
    internal RegistryException(ErrorKind kind, string message, Exception? innerException = null)
        : base(kind, message, innerException)
    {
    }

    /// <summary>The HTTP status; null where there was no answer.</summary>
    public HttpStatusCode? StatusCode { get; internal init; }

    /// <summary>The error codes of the answer, as the distribution specification defines them (<c>MANIFEST_UNKNOWN</c> …); empty where it had none.</summary>
    public IReadOnlyList<string> Codes { get; internal init; } = [];

    /// <summary>What was asked, without query and user information, in which secrets may be.</summary>
    public string? Url { get; internal init; }

    /// <summary>How long the registry asks to wait before the next attempt; null where it does not say.</summary>
    public TimeSpan? RetryAfter { get; internal init; }
}
