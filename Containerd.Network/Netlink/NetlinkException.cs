namespace Containerd.Network;

/// <summary>The kernel refused an rtnetlink request; what it said about the cause is attached.</summary>
/// <remarks>
/// The connection stays usable and, unless the member that threw says otherwise, nothing of the request was carried out.
/// <see cref="ContainerdException.Errno"/> holds the kernel's error number.
/// </remarks>
public sealed class NetlinkException : ContainerdException
{
    internal NetlinkException(ErrorKind kind, string message)
        : base(kind, message)
    {
    }

    /// <summary>The kernel's own words from the extended acknowledgement, for example <c>Unknown device type</c>; null
    /// where it gave none.</summary>
    public string? KernelMessage { get; private init; }

    /// <summary>Offset in bytes of the attribute at fault from the start of the request; null where the kernel named
    /// none.</summary>
    public int? AttributeOffset { get; private init; }

    /// <summary>Names of the attribute at fault and of those around it, outermost first and parted by slashes
    /// (<c>IFLA_LINKINFO/IFLA_INFO_KIND</c>), as in the kernel's headers; null where the kernel named none.</summary>
    public string? AttributeName { get; private init; }

    /// <summary>Makes the exception for a refused request.</summary>
    /// <param name="doing">What was being done, as the beginning of a sentence.</param>
    /// <param name="subject">The object concerned.</param>
    /// <param name="request">The request as it was sent.</param>
    /// <param name="answer">The kernel's answer.</param>
    /// <param name="kind">The class, where the errno alone does not decide it.</param>
    internal static NetlinkException From(
        string doing, string subject, ReadOnlySpan<byte> request, in NetlinkAcknowledgement answer, ErrorKind? kind = null)
    {
        ErrorKind actual = kind ?? Interop.KindOf(answer.Errno);
        string? attribute = AttributePath.Find(request, answer.MissingType is null ? answer.Offset : answer.MissingNest, answer.MissingType);
        string said = answer.Message is { Length: > 0 } text ? $" The kernel says: {Excerpt.Of(text)}." : "";
        string at = attribute is null ? "" : answer.MissingType is null ? $" At attribute {attribute}." : $" Missing attribute {attribute}.";
        string advice = actual == ErrorKind.PermissionDenied
            ? " CAP_NET_ADMIN is needed in the user namespace that owns the network namespace."
            : "";
        return new NetlinkException(actual, $"{doing} failed: {Interop.Describe(answer.Errno)} (errno {answer.Errno}).{said}{at}{advice}")
        {
            Subject = subject,
            Errno = answer.Errno,
            KernelMessage = answer.Message,
            AttributeOffset = answer.Offset,
            AttributeName = attribute,
        };
    }
}
