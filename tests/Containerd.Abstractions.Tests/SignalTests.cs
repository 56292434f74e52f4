namespace Containerd.Tests;

public sealed class SignalTests
{
    [TestCase("SIGTERM", 15)]
    [TestCase("term", 15)]
    [TestCase("15", 15)]
    [TestCase("SIGKILL", 9)]
    [TestCase("SIGRTMIN", 34)]
    [TestCase("RTMIN+3", 37)]
    [TestCase("SIGRTMAX-1", 63)]
    [TestCase("SIGRTMAX", 64)]
    [TestCase("SIGSYS", 31)]
    [TestCase("SIGIOT", 6)]
    public void Parses_names_and_numbers(string text, int number) => Assert.That(Signal.Parse(text).Number, Is.EqualTo(number));

    [TestCase("")]
    [TestCase("SIG")]
    [TestCase("0")]
    [TestCase("65")]
    [TestCase("-9")]
    [TestCase("SIGNOPE")]
    [TestCase("RTMIN+31")]
    [TestCase("RTMIN+")]
    public void Refuses_what_is_no_signal(string text)
    {
        Assert.That(Signal.TryParse(text, out _), Is.False);
        Assert.That(() => Signal.Parse(text), Throws.TypeOf<FormatException>());
    }

    [Test]
    public void Every_signal_survives_the_round_trip()
    {
        for (int number = 1; number <= 64; number++)
            Assert.That(Signal.Parse(new Signal(number).ToString()).Number, Is.EqualTo(number));
    }

    [Test]
    public void Named_signals_have_their_numbers()
    {
        Assert.That((Signal.Terminate.ToString(), Signal.Kill.ToString()), Is.EqualTo(("SIGTERM", "SIGKILL")));
        Assert.That(() => new Signal(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
