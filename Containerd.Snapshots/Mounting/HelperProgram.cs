using System.Diagnostics;
using System.Text;

namespace Containerd.Snapshots;

/// <summary>Runs one of the programs that come with FUSE, and nothing else.</summary>
internal static class HelperProgram
{
    private const int MaxErrorLength = 2000;

    // What a program wrote just before it ended is in the pipe already; a server that keeps the pipe open never ends it.
    private static readonly TimeSpan ErrorGrace = TimeSpan.FromMilliseconds(500);

    /// <summary>Where a program is: in PATH, or where the system keeps those of root. Null where it is not installed.</summary>
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Append("/usr/sbin").Append("/sbin")
        .Where(Path.IsPathFullyQualified) // not the working directory
        .Select(directory => Path.Join(directory, name))
        .FirstOrDefault(File.Exists);

    /// <summary>Runs a program to its end, or kills it.</summary>
    /// <returns>Its exit code, null when the time was over; and what it wrote to standard error, bounded.</returns>
    public static (int? ExitCode, string Error) Run(string program, IEnumerable<string> arguments, TimeSpan timeLimit)
    {
        // Forked from this very thread: the program is in the mount namespace that the thread is in.
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        var error = new StringBuilder();
        using var ended = new ManualResetEventSlim();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (error)
            {
                if (line.Data is not null && error.Length < MaxErrorLength)
                    error.Append(error.Length > 0 ? "; " : "").Append(line.Data);
            }
            if (line.Data is null)
                ended.Set();
        };
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        int? exitCode = null;
        if (process.WaitForExit(timeLimit))
            exitCode = process.ExitCode;
        else
            process.Kill(entireProcessTree: true);
        ended.Wait(ErrorGrace);
        process.CancelErrorRead();
        lock (error)
            return (exitCode, error.ToString());
    }
}
