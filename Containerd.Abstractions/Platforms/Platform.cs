using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Containerd;

/// <summary>What an image runs on: an operating system, a processor architecture and, for some, a variant of it.</summary>
/// <remarks>
/// <para>Immutable with structural equality. Names are GOOS and GOARCH values in their normal form: <c>x86_64</c> becomes <c>amd64</c>, <c>aarch64</c>
/// becomes <c>arm64</c>, <c>armhf</c> becomes <c>arm/v7</c>, <c>armel</c> becomes <c>arm/v6</c>; <c>arm64/v8</c> and <c>amd64/v1</c> lose a variant that says nothing.
/// <see cref="Parse(string)"/> and <see cref="Normalize"/> do that; JSON is taken as it stands.</para>
/// <para>Source: image-spec v1.1 image-index.md; containerd/platforms.</para>
/// </remarks>
public sealed record Platform
{
    /// <summary>The operating system: <c>linux</c>, <c>windows</c> …</summary>
    [JsonPropertyName("os")]
    public required string Os { get; init; }

    /// <summary>The architecture: <c>amd64</c>, <c>arm64</c>, <c>arm</c>, <c>riscv64</c> …</summary>
    [JsonPropertyName("architecture")]
    public required string Architecture { get; init; }

    /// <summary>The variant of the architecture: <c>v7</c> …; null where there is none.</summary>
    [JsonPropertyName("variant"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; init; }

    /// <summary>The version of the operating system, which Windows images need; null where it does not matter.</summary>
    [JsonPropertyName("os.version"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OsVersion { get; init; }

    /// <summary>Features of the operating system that the image needs; null for none.</summary>
    [JsonPropertyName("os.features"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? OsFeatures { get; init; }

    /// <summary>JSON members that the specification does not know, kept for the round trip; null for none. Not part of equality. Settable for source-generated serialisers only, which cannot initialise it.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? ExtensionData { get; set; }

    /// <summary>The platform of this process.</summary>
    public static Platform Current { get; } = new Platform
    {
        Os = OperatingSystem.IsWindows() ? "windows" : OperatingSystem.IsMacOS() ? "darwin" : OperatingSystem.IsFreeBSD() ? "freebsd" : "linux",
        Architecture = RuntimeInformation.ProcessArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.X64 => "amd64",
            System.Runtime.InteropServices.Architecture.X86 => "386",
            System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
            System.Runtime.InteropServices.Architecture.Arm or System.Runtime.InteropServices.Architecture.Armv6 => "arm",
            System.Runtime.InteropServices.Architecture.S390x => "s390x",
            System.Runtime.InteropServices.Architecture.Ppc64le => "ppc64le",
            System.Runtime.InteropServices.Architecture.RiscV64 => "riscv64",
            System.Runtime.InteropServices.Architecture.LoongArch64 => "loong64",
            var other => other.ToString().ToLowerInvariant(),
        },
        Variant = RuntimeInformation.ProcessArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.Arm => "v7",
            System.Runtime.InteropServices.Architecture.Armv6 => "v6",
            _ => null,
        },
    };

    /// <summary>Parses <c>OS/ARCHITECTURE[/VARIANT]</c>.</summary>
    /// <param name="s">The text.</param>
    /// <exception cref="FormatException">Another form, or a part with characters other than letters, digits, <c>_</c>, <c>.</c> and <c>-</c>.</exception>
    public static Platform Parse(string s)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s, out Platform? platform)
            ? platform
            : throw new FormatException($"'{Excerpt.Of(s)}' is not a platform: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, for example linux/arm64.");
    }

    /// <summary>Parses <c>OS/ARCHITECTURE[/VARIANT]</c>.</summary>
    /// <param name="s">The text; null is no platform.</param>
    /// <param name="platform">The platform in normal form.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, [NotNullWhen(true)] out Platform? platform)
    {
        platform = null;
        string[] parts = s?.Split('/') ?? [];
        if (parts.Length is not (2 or 3) || !parts.All(IsName))
            return false;
        platform = new Platform { Os = parts[0], Architecture = parts[1], Variant = parts.Length == 3 ? parts[2] : null }.Normalize();
        return true;
    }

    /// <summary>The same platform under its normal names.</summary>
    public Platform Normalize()
    {
        (string architecture, string? variant) = (Architecture.ToLowerInvariant(), Variant?.ToLowerInvariant()) switch
        {
            ("x86_64" or "x86-64" or "amd64", "v1" or "" or null) => ("amd64", null),
            ("x86_64" or "x86-64" or "amd64", var v) => ("amd64", v),
            ("i386" or "i486" or "i586" or "i686" or "386", _) => ("386", null),
            ("aarch64" or "arm64", "8" or "v8" or "" or null) => ("arm64", null),
            ("aarch64" or "arm64", var v) => ("arm64", v),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" or null or "7") => ("arm", "v7"),
            ("arm", "5" or "6" or "8") => ("arm", "v" + Variant),
            (var a, "") => (a, null),
            var same => same,
        };
        string os = Os.ToLowerInvariant() is "macos" ? "darwin" : Os.ToLowerInvariant();
        return this with { Os = os, Architecture = architecture, Variant = variant };
    }

    /// <summary>How well an image for another platform fits this one.</summary>
    /// <param name="image">What the image is for.</param>
    /// <returns>
    /// Null where it cannot run; 0 for an exact match, larger for less good ones: <c>arm64</c> also runs <c>arm</c> v8 down to v5, <c>arm</c> a lower variant,
    /// <c>amd64</c> lower levels and then <c>386</c>.
    /// </returns>
    public int? FitOf(Platform image)
    {
        ArgumentNullException.ThrowIfNull(image);
        (Platform host, image) = (Normalize(), image.Normalize());
        if (host.Os != image.Os || (host.OsVersion is not null && image.OsVersion is not null && host.OsVersion != image.OsVersion))
            return null;
        return (host.Architecture, image.Architecture) switch
        {
            ("amd64" or "arm", _) when host.Architecture == image.Architecture => Steps(host, image),
            ("arm64", "arm64") => Steps(host, image),
            ("arm64", "arm") => 100 + Steps(new Platform { Os = host.Os, Architecture = "arm", Variant = "v8" }, image),
            ("amd64", "386") => 100,
            _ when host.Architecture == image.Architecture && (image.Variant is null || host.Variant == image.Variant) => 0,
            _ => null,
        };
    }

    /// <inheritdoc/>
    public bool Equals(Platform? other) =>
        other is not null
        && Os == other.Os
        && Architecture == other.Architecture
        && Variant == other.Variant
        && OsVersion == other.OsVersion
        && (OsFeatures ?? []).SequenceEqual(other.OsFeatures ?? []);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Os, Architecture, Variant, OsVersion);

    /// <summary><c>OS/ARCHITECTURE[/VARIANT]</c>.</summary>
    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";

    private static int? Steps(Platform host, Platform image) =>
        Level(host) is { } h && Level(image) is { } i && i <= h ? (int)((h - i) * 10) : host.Variant == image.Variant ? 0 : null;

    // arm64's levels have a minor part: v8, v8.1 … v9.2.
    private static decimal? Level(Platform platform) => (platform.Architecture, platform.Variant) switch
    {
        ("amd64", null) => 1,
        ("arm64", null) => 8,
        (_, ['v', .. var level]) when decimal.TryParse(level, System.Globalization.NumberStyles.AllowDecimalPoint, null, out decimal number) && number < 100 => number,
        _ => null,
    };

    private static bool IsName(string part) =>
        part.Length is > 0 and <= 64 && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}
