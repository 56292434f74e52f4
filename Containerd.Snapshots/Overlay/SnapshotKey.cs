using System.Text;

namespace Containerd.Snapshots;

/// <summary>The rule for keys and names of snapshots.</summary>
internal static class SnapshotKey
{
    private const int MaxBytes = 512;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks what is to become a key or a name. One that is only looked up needs no check: it is not found.</summary>
    public static void Validate(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        string? fault = key.Length switch
        {
            0 => "it is empty",
            > MaxBytes => $"it is longer than {MaxBytes} bytes of UTF-8",
            _ when key.Any(char.IsControl) => "it has a control character",
            _ => FaultOfEncoding(key),
        };
        if (fault is not null)
            throw new ContainerdException(ErrorKind.InvalidArgument, $"Snapshot key or name '{Excerpt.Of(key)}': {fault}.") { Subject = key };
    }

    private static string? FaultOfEncoding(string key)
    {
        try
        {
            return Strict.GetByteCount(key) > MaxBytes ? $"it is longer than {MaxBytes} bytes of UTF-8" : null;
        }
        catch (EncoderFallbackException)
        {
            return "it has half a surrogate pair";
        }
    }
}
