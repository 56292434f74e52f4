using System.Text;

namespace Containerd;

/// <summary>The rule for names that callers choose freely: ingest references, names of images, keys and names of snapshots.</summary>
internal static class NameRule
{
    private const int MaxBytes = 512;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Checks what is to become a name. One that is only looked up needs no check: it is not found.</summary>
    public static void Validate(string name, string what)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!IsValid(name))
        {
            throw new ContainerdException(
                ErrorKind.InvalidArgument, $"'{Excerpt.Of(name)}' cannot be {what}: it must be 1 to {MaxBytes} bytes of UTF-8 without control characters.")
            {
                Subject = name,
            };
        }
    }

    private static bool IsValid(string name)
    {
        if (name.Length is 0 or > MaxBytes || name.Any(char.IsControl))
            return false;
        try
        {
            return Strict.GetByteCount(name) <= MaxBytes;
        }
        catch (EncoderFallbackException)
        {
            // A lone surrogate has no UTF-8 form.
            return false;
        }
    }
}
