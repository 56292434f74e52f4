using CliWrap;
using CliWrap.Buffered;

namespace Containerd.Benchmarks;

/// <summary>Runs a program to its end.</summary>
internal static class Tool
{
    /// <summary>Runs a program that must succeed.</summary>
    /// <exception cref="InvalidOperationException">It did not; the message has the end of what it said.</exception>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        string[] list = [.. arguments];
        BufferedCommandResult result = await Cli.Wrap(program).WithArguments(list)
            .WithValidation(CommandResultValidation.None)
            .ExecuteBufferedAsync(cancellationToken);
        if (result.IsSuccess)
            return result.StandardOutput;
        string said = (result.StandardError + result.StandardOutput).Trim();
        throw new InvalidOperationException(
            $"'{program} {string.Join(' ', list)}' ended with {result.ExitCode}: {said[Math.Max(0, said.Length - 800)..]}");
    }

    /// <summary>The first line that a program prints; null where there is no such program.</summary>
    public static async Task<string?> FirstLineAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        try
        {
            return (await RunAsync(program, arguments, cancellationToken)).Split('\n')[0].Trim();
        }
        catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The bytes of all files below a directory, each hard link counted once.</summary>
    public static async Task<long> UsageAsync(string directory, CancellationToken cancellationToken) =>
        long.Parse((await RunAsync("du", ["-sb", "--one-file-system", directory], cancellationToken)).Split('\t')[0],
            System.Globalization.CultureInfo.InvariantCulture);
}
