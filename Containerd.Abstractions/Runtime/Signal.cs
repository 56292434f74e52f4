using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Containerd;

/// <summary>A Linux signal: a number from 1 to 64.</summary>
/// <remarks>
/// Numbers are those of x86, arm and riscv, which are the same. Real-time signals are counted from SIGRTMIN = 34, as the C libraries have it.
/// Source: signal(7). <see langword="default"/> is no signal; its number is 0.
/// </remarks>
public readonly record struct Signal : ISpanParsable<Signal>
{
    private const int RealTimeMinimum = 34;
    private const int RealTimeMaximum = 64;

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>The signal of a number.</summary>
    /// <param name="number">1 to 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another number.</exception>
    public Signal(int number)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, RealTimeMaximum);
        Number = number;
    }

    /// <summary>Its number on this architecture: 1 to 64; 0 for no signal.</summary>
    public int Number { get; }

    /// <summary>SIGHUP, 1.</summary>
    public static Signal Hangup => new(1);

    /// <summary>SIGINT, 2.</summary>
    public static Signal Interrupt => new(2);

    /// <summary>SIGQUIT, 3.</summary>
    public static Signal Quit => new(3);

    /// <summary>SIGKILL, 9: cannot be caught.</summary>
    public static Signal Kill => new(9);

    /// <summary>SIGUSR1, 10.</summary>
    public static Signal User1 => new(10);

    /// <summary>SIGUSR2, 12.</summary>
    public static Signal User2 => new(12);

    /// <summary>SIGTERM, 15: please end.</summary>
    public static Signal Terminate => new(15);

    /// <summary>Parses a name with or without <c>SIG</c>, in any case (<c>SIGTERM</c>, <c>term</c>, <c>RTMIN+3</c>, <c>RTMAX-1</c>), or a number.</summary>
    /// <param name="s">The text.</param>
    /// <exception cref="FormatException">No such signal.</exception>
    public static Signal Parse(string s)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s, out Signal signal) ? signal : throw new FormatException($"'{Excerpt.Of(s)}' is not a signal: expected a name as SIGTERM or a number from 1 to 64.");
    }

    /// <summary>Parses what <see cref="Parse(string)"/> does.</summary>
    /// <param name="s">The text; null is no signal.</param>
    /// <param name="result">The signal.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, out Signal result)
    {
        int number = NumberOf(s ?? "");
        bool valid = number is >= 1 and <= RealTimeMaximum;
        result = valid ? new Signal(number) : default;
        return valid;
    }

    /// <inheritdoc/>
    public static Signal Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s.ToString());

    /// <inheritdoc/>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out Signal result) => TryParse(s.ToString(), out result);

    static Signal IParsable<Signal>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Signal>.TryParse(string? s, IFormatProvider? provider, out Signal result) => TryParse(s, out result);

    /// <summary>The name: <c>SIGTERM</c>, <c>SIGRTMIN+3</c>; the number for the two that the C libraries keep to themselves.</summary>
    public override string ToString() => Number switch
    {
        0 => "",
        < 32 => $"SIG{Names[Number]}",
        RealTimeMinimum => "SIGRTMIN",
        > RealTimeMinimum => string.Create(CultureInfo.InvariantCulture, $"SIGRTMIN+{Number - RealTimeMinimum}"),
        _ => Number.ToString(CultureInfo.InvariantCulture),
    };

    private static int NumberOf(string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return number;
        string name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        return name switch
        {
            "" => -1,
            "IOT" => 6,
            "CLD" => 17,
            "POLL" => 29,
            "RTMIN" => RealTimeMinimum,
            "RTMAX" => RealTimeMaximum,
            ['R', 'T', 'M', 'I', 'N', '+', .. var up] when Offset(up) is { } offset => RealTimeMinimum + offset,
            ['R', 'T', 'M', 'A', 'X', '-', .. var down] when Offset(down) is { } offset => RealTimeMaximum - offset,
            _ => Array.IndexOf(Names, name),
        };
    }

    private static int? Offset(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int offset) && offset <= RealTimeMaximum - RealTimeMinimum ? offset : null;
}
